package filter

import (
	"strings"
	"testing"
)

// Every entry must be found by its own words, or it is hidden behind another
// with the same ones.
func TestVocabularyIsReachable(t *testing.T) {
	t.Parallel()
	for _, e := range vocabulary {
		got, end := lookup(e.words, 0)
		if got == nil || *got != e || end != len(e.words) {
			t.Errorf("%q of kind %d is found as %+v", e.words, e.kind, got)
		}
	}
}

// A filler changes nothing, so a filter of fillers asks for nothing.
func TestFillersMeanNothing(t *testing.T) {
	t.Parallel()
	for _, w := range Fillers {
		for _, text := range []string{w, w + " " + w, w + " payments"} {
			if q, err := Parse(text); err != nil || !q.IsZero() {
				t.Errorf("%q: %v, %v", text, q, err)
			}
		}
		for _, text := range []string{w + " failed", "failed " + w} {
			if q, err := Parse(text); err != nil || setOf(q.Statuses) != failed {
				t.Errorf("%q: %v, %v", text, q, err)
			}
		}
	}
}

func TestFamilies(t *testing.T) {
	t.Parallel()
	for word, names := range Families() {
		q, err := Parse(word)
		if err != nil || strings.Join(q.Statuses, ",") != strings.Join(names, ",") {
			t.Errorf("%q: %v, %v, want %v", word, q.Statuses, err, names)
		}
		if setOf(names).size() != len(names) {
			t.Errorf("%q: %v holds what is no status", word, names)
		}
	}
	// "failed" is every failure there is: a new one in the vocabulary must not
	// be missing from it.
	for _, st := range Statuses {
		if strings.HasSuffix(st.Name, "_FAILED") != (setOf([]string{st.Name})&failed != 0) {
			t.Errorf("%s and the family of failures do not agree", st.Name)
		}
	}
}
