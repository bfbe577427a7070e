package runbook

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
)

type query struct {
	pages    []string // any of them is right
	keywords []string
}

func (q query) korean() bool {
	return strings.ContainsFunc(strings.Join(q.keywords, ""), func(r rune) bool { return unicode.Is(unicode.Hangul, r) })
}

func queries(t *testing.T, file string) (all []query) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		pages, words, ok := strings.Cut(line, " | ")
		if !ok {
			t.Fatalf("%s: %q is no query", file, line)
		}
		q := query{pages: strings.Split(pages, "/")}
		for k := range strings.SplitSeq(words, ";") {
			q.keywords = append(q.keywords, strings.TrimSpace(k))
		}
		all = append(all, q)
	}
	return all
}

// score is how often the right page came first, and among the first three.
type score struct{ n, first, three int }

func (s score) String() string {
	return fmt.Sprintf("%d queries, hit@1 %.3f, hit@3 %.3f", s.n, ratio(s.first, s.n), ratio(s.three, s.n))
}

func ratio(a, b int) float64 { return float64(a) / float64(b) }

// ask searches for a query and counts.
func (s *score) ask(t *testing.T, l *Library, q query) {
	t.Helper()
	hits, _, err := l.Search(t.Context(), q.keywords, 3)
	if err != nil {
		t.Fatal(err)
	}
	rank, got := -1, make([]string, len(hits))
	for i, h := range hits {
		page, _, _ := strings.Cut(h.ID, "#")
		if slices.Contains(q.pages, page) && rank < 0 {
			rank = i
		}
		got[i] = h.ID
	}
	s.n++
	if rank >= 0 {
		s.three++
	}
	if rank == 0 {
		s.first++
	} else {
		t.Logf("%q wanted %v, got %v", q.keywords, q.pages, got)
	}
}

// reach fails the test below the floors.
func (s score) reach(t *testing.T, name string, first, three float64) {
	t.Helper()
	t.Logf("%s: %s", name, s)
	if s.n < 30 || ratio(s.first, s.n) < first || ratio(s.three, s.n) < three {
		t.Errorf("%s: %s, want hit@1 %.2f and hit@3 %.2f of at least 30", name, s, first, three)
	}
}

func TestSearchFindsThePage(t *testing.T) {
	l := New("", time.Minute)
	var english, korean score
	for _, q := range queries(t, "queries.txt") {
		if q.korean() {
			korean.ask(t, l, q)
		} else {
			english.ask(t, l, q)
		}
	}
	english.reach(t, "English", 0.93, 0.98)
	korean.reach(t, "Korean", 0.93, 0.96)
}

// An engineer does not ask in the words of the page.
func TestSearchFindsThePageOfAnIncident(t *testing.T) {
	l := New("", time.Minute)
	var s score
	for _, q := range queries(t, "incidents.txt") {
		s.ask(t, l, q)
	}
	s.reach(t, "incidents", 0.76, 0.93)
}
