package runbook

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"payops-mcp/shared/fault"
)

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// find returns the ids of the hits.
func find(t *testing.T, l *Library, keywords ...string) ([]string, Look) {
	t.Helper()
	hits, look, err := l.Search(t.Context(), keywords, 3)
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]string, len(hits))
	for i, h := range hits {
		ids[i] = h.ID
	}
	return ids, look
}

func TestHitsComeWithNeighbours(t *testing.T) {
	hits, look, err := New("", time.Minute).Search(t.Context(), []string{"OUTBOX_LOCK_STUCK"}, 2)
	if err != nil {
		t.Fatal(err)
	}
	h := hits[0]
	if h.ID != "outbox#outbox_lock_stuck" || h.Before != "outbox#outbox_poller_stalled" || h.After != "outbox#outbox_lock_schema_broken" || h.Team {
		t.Errorf("hit %+v", h)
	}
	if !strings.HasPrefix(h.Text, "**Means.**") || strings.Contains(h.Text, "words:") {
		t.Errorf("text %q", h.Text)
	}
	if len(look.Sources) != 1 || !look.Sources[0].OK() || look.Chunks < 126 {
		t.Errorf("look %+v", look)
	}
}

func TestEveryFindingIsFoundByItsCode(t *testing.T) {
	l := New("", time.Minute)
	for _, p := range pages(t) {
		for i, s := range p.Sections[1:] {
			if ids, _ := find(t, l, s.Heading); len(ids) == 0 || ids[0] != p.SectionID(i+1) {
				t.Errorf("%s: found %v", s.Heading, ids)
			}
		}
	}
}

func TestNothingToFind(t *testing.T) {
	l := New("", time.Minute)
	for _, keywords := range [][]string{nil, {""}, {"the", "of"}, {"xyzzyplugh"}, {strings.Repeat("가", 5000)}, {"\xff\xfe"}} {
		if _, _, err := l.Search(t.Context(), keywords, 3); err != nil {
			t.Errorf("%.20q: %v", keywords, err)
		}
	}
}

func TestTeamsPagesAreFoundAndReadAgainWhenTheyChange(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "vip merchants.md", "# VIP merchants\n\n## Starfruit shop\n\nCall their account manager before anything else.\n")
	write(t, dir, "night/체크리스트.md", "# 야간 점검표\n\n당직자는 파인애플 서버를 먼저 확인한다.\n")
	write(t, dir, "notes.txt", "starfruit")
	l := New(dir, time.Minute)
	if ids, look := find(t, l, "starfruit"); len(ids) != 1 || ids[0] != "team/vip merchants#starfruit-shop" || len(look.Sources) != 2 || !look.Sources[1].OK() || len(look.Left) != 0 {
		t.Errorf("found %v, %+v", ids, look)
	}
	if ids, _ := find(t, l, "파인애플"); len(ids) != 1 || ids[0] != "team/night/체크리스트" {
		t.Errorf("found %v", ids)
	}
	before := l.shelf
	if find(t, l, "starfruit"); l.shelf != before {
		t.Error("nothing changed, and all was indexed again")
	}
	write(t, dir, "vip merchants.md", "# VIP merchants\n\nNobody any more, durian is the word now.\n")
	if ids, _ := find(t, l, "starfruit"); len(ids) != 0 {
		t.Errorf("what is gone is found: %v", ids)
	}
	if ids, _ := find(t, l, "durian"); len(ids) != 1 {
		t.Errorf("what is new is not found: %v", ids)
	}
	if p, ok, _, err := l.Page(t.Context(), "team/night/체크리스트"); err != nil || !ok || !p.Team || p.Title != "야간 점검표" {
		t.Errorf("page %+v %v %v", p, ok, err)
	}
	if err := os.Remove(filepath.Join(dir, "vip merchants.md")); err != nil {
		t.Fatal(err)
	}
	if ids, _ := find(t, l, "durian"); len(ids) != 0 {
		t.Errorf("a page that is gone is found: %v", ids)
	}
}

func TestTeamsDirectoryIsBoundedAndNothingOutsideIsRead(t *testing.T) {
	outside := t.TempDir()
	write(t, outside, "secret.md", "# Secret\n\nmangosteen\n")
	dir := t.TempDir()
	write(t, dir, "in/good.md", "# Good\n\nrambutan\n")
	links := map[string]string{"escape.md": filepath.Join(outside, "secret.md"), "up.md": "../" + filepath.Base(outside) + "/secret.md", "dir": outside, "dangling.md": "nowhere.md", "alias.md": "in/good.md"}
	for name, to := range links {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Skipf("no symbolic links here: %v", err)
		}
	}
	write(t, dir, "big.md", "# Big\n\n"+strings.Repeat("papaya ", maxFile))
	write(t, dir, "a/b/c/d/e/deep.md", "lychee")
	write(t, dir, "evil\x1b[2J.md", "guava")
	write(t, dir, ".git/hidden.md", "kiwano")
	if err := os.Mkdir(filepath.Join(dir, "folder.md"), 0o755); err != nil {
		t.Fatal(err)
	}
	l := New(dir, time.Minute)
	for _, word := range []string{"mangosteen", "papaya", "lychee", "guava", "kiwano"} {
		if ids, _ := find(t, l, word); len(ids) != 0 {
			t.Errorf("%s was read: %v", word, ids)
		}
	}
	ids, look := find(t, l, "rambutan")
	slices.Sort(ids)
	if !slices.Equal(ids, []string{"team/alias", "team/in/good"}) { // a link that stays inside is how a ConfigMap is mounted
		t.Errorf("found %v", ids)
	}
	left := strings.Join(look.Left, "\n")
	for _, want := range []string{`"escape.md": it leads outside`, `"up.md": it leads outside`, `"dangling.md"`, `"big.md": it has`, "deeper than", "its name has other characters"} {
		if !strings.Contains(left, want) {
			t.Errorf("not told: %s in\n%s", want, left)
		}
	}
	if strings.ContainsRune(left, 0x1b) {
		t.Errorf("an escape gets through: %q", left)
	}
}

func TestTeamsDirectoryOfTooManyPages(t *testing.T) {
	dir := t.TempDir()
	for i := range maxFiles + 30 {
		write(t, dir, fmt.Sprintf("p%03d.md", i), "# P\n\nsoursop\n")
	}
	_, look := find(t, New(dir, time.Minute), "soursop")
	if len(look.Pages) != len(BuiltIn())+maxFiles || len(look.Left) != maxLeft+1 {
		t.Errorf("%d pages, %d left: %v", len(look.Pages), len(look.Left), look.Left)
	}
}

func TestTeamsDirectoryThatFailsLeavesOurs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "runbooks")
	l := New(dir, time.Minute)
	ids, look := find(t, l, "OUTBOX_LOCK_STUCK")
	if len(ids) == 0 || ids[0] != "outbox#outbox_lock_stuck" || look.Sources[1].OK() || look.Sources[1].Err.Class != fault.MissingPath {
		t.Errorf("found %v, sources %+v", ids, look.Sources)
	}
	write(t, dir, "x.md", "# X\n\ntamarillo\n")
	if ids, look := find(t, l, "tamarillo"); len(ids) != 1 || !look.Sources[1].OK() {
		t.Errorf("it is there now: %v %+v", ids, look.Sources)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if ids, look := find(t, l, "tamarillo"); len(ids) != 0 || look.Sources[1].OK() {
		t.Errorf("it is gone: %v %+v", ids, look.Sources)
	}
}

func TestLibraryHeedsItsContextAndManyCallers(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "x.md", "# X\n\njabuticaba\n")
	l := New(dir, time.Minute)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if hits, _, err := l.Search(t.Context(), []string{"jabuticaba"}, 3); err != nil || len(hits) != 1 {
				t.Errorf("%v %v", hits, err)
			}
		})
	}
	wg.Wait()
	l.hold <- struct{}{} // somebody else is in, and stays
	defer func() { <-l.hold }()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, _, err := l.Search(ctx, []string{"x"}, 3); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestIndexIsLetGoAndMadeAgain(t *testing.T) {
	l := New("", time.Minute)
	before, _ := find(t, l, "shedlock")
	l.forget()
	if l.shelf != nil {
		t.Error("the index is still there")
	}
	if after, _ := find(t, l, "shedlock"); !slices.Equal(before, after) || l.shelf == nil {
		t.Errorf("found %v, before %v", after, before)
	}
	l.hold <- struct{}{} // a search is under way
	l.forget()
	if <-l.hold; l.shelf == nil {
		t.Error("the index was taken from under a search")
	}
}

func TestHeadOfAHit(t *testing.T) {
	fence := "```"
	h := Hit{Text: "one line\nanother line\n\n" + fence + "sql\nSELECT 1;\nSELECT 2;\n" + fence + "\nthe end"}
	for limit, want := range map[int]string{
		1000: h.Text, 60: h.Text[:strings.Index(h.Text, "\nthe end")], 45: "one line\nanother line", 12: "one line",
	} {
		if got := h.Head(limit); got != want {
			t.Errorf("%d: %q, want %q", limit, got, want)
		}
	}
	if got := (Hit{Text: strings.Repeat("가", 100)}).Head(100); got != strings.Repeat("가", 33) {
		t.Errorf("a long line: %q", got)
	}
}

func BenchmarkFirstSearch(b *testing.B) {
	for b.Loop() {
		if _, _, err := New("", time.Minute).Search(b.Context(), []string{"브로커 다운", "broker down"}, 3); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSearch(b *testing.B) {
	l := New("", time.Minute)
	for b.Loop() {
		if _, _, err := l.Search(b.Context(), []string{"브로커 다운", "broker down"}, 3); err != nil {
			b.Fatal(err)
		}
	}
}
