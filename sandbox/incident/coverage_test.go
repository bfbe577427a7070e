package incident

import (
	"testing"

	"payops-mcp/shared/catalog"
)

// A code that no scenario expects may never be reported, and nobody would see.
func TestEveryCodeIsExpectedOfSomeIncident(t *testing.T) {
	expected := map[catalog.Code]bool{}
	for _, i := range All() {
		for _, c := range i.Row().Root {
			expected[c] = true
		}
		for _, c := range i.Row().Shows {
			expected[c] = true
		}
	}
	for _, e := range catalog.All() {
		if !expected[e.Code] {
			t.Errorf("%s is the root of no incident, and shown by none", e.Code)
		}
	}
}

// And a row that nothing injects is a promise.
func TestEveryRowIsAnIncident(t *testing.T) {
	for _, r := range rows() {
		if _, err := Get(r.ID); err != nil {
			t.Errorf("%s has a row in incidents.json and cannot be injected", r.ID)
		}
	}
}
