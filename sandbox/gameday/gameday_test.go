package gameday_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"payops-mcp/sandbox/gameday"
	"payops-mcp/sandbox/incident"
	"payops-mcp/sandbox/stack"
	"payops-mcp/sandbox/stack/stacktest"
	"payops-mcp/sandbox/testseed"
)

// What was broken cannot be read off the file, is told when asked for, and is
// repaired.
func TestARehearsal(t *testing.T) {
	s := stacktest.Start(t, stack.PartRedis)
	secret, err := gameday.Begin(t.Context(), s, testseed.Of(t))
	if err != nil {
		t.Fatal(err)
	}
	ended := false
	t.Cleanup(func() {
		if !ended {
			if err := secret.End(t.Context(), s); err != nil {
				t.Error(err)
			}
		}
	})
	path := filepath.Join(t.TempDir(), "a folder", "gameday")
	if err := secret.Keep(path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	i, err := incident.Get(secret.Incident)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range append([]string{i.ID, i.Row().Name, "incident"}, secret.Did.Quotes...) {
		// A short one is in any text of letters and digits.
		if len(word) > 4 && strings.Contains(string(text), word) {
			t.Errorf("%q is there to read: %s", word, text)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}

	read, err := gameday.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if !read.Of(s) || read.Of(&stack.Stack{}) {
		t.Error("it does not know its system")
	}
	var told strings.Builder
	if err := read.Reveal(&told); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{i.ID, i.Row().Name, i.Row().Next, string(i.Row().Root[0]), "runbook ", secret.Did.Asks[0].Tool} {
		if !strings.Contains(told.String(), want) {
			t.Errorf("%q is not told:\n%s", want, &told)
		}
	}
	if err := read.End(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	ended = true
}

// A seed breaks the same again, another one something else; and nothing that only
// looks broken is drawn.
func TestCandidates(t *testing.T) {
	s := stacktest.Start(t, stack.PartRedis)
	first, second := map[string]bool{}, gameday.Candidates(s, 7)
	for n, i := range gameday.Candidates(s, 7) {
		if i.ID != second[n].ID {
			t.Errorf("%d is %s and %s", n, i.ID, second[n].ID)
		}
		if i.Row().Healthy() || i.Needs(s) != nil {
			t.Errorf("%s is drawn", i.ID)
		}
	}
	for seed := range uint64(30) {
		first[gameday.Candidates(s, seed)[0].ID] = true
	}
	if len(first) < 5 {
		t.Errorf("30 seeds draw no more than %v", first)
	}
}

// On stand-ins nothing is drawn that they cannot show, and what is, is there.
func TestStandIns(t *testing.T) {
	s := stacktest.Start(t, stack.PartRedis)
	poor := &stack.Stack{Redis: s.Redis, StandIns: true}
	all := gameday.Candidates(poor, 1)
	if len(all) == 0 || len(all) >= len(gameday.Candidates(s, 1)) {
		t.Errorf("%d of %d", len(all), len(gameday.Candidates(s, 1)))
	}
	for _, id := range gameday.OnStandIns {
		if _, err := incident.Get(id); err != nil {
			t.Error(err)
		}
	}
}

func TestNothingToTell(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gameday")
	if _, err := gameday.Read(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of nothing: %v", err)
	}
	if err := os.WriteFile(path, []byte("CB-01"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := gameday.Read(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("of something else: %v", err)
	}
	if _, err := gameday.Begin(t.Context(), &stack.Stack{}, 1); err == nil {
		t.Error("something is broken in a system of nothing")
	}
}
