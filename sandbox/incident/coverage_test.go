package incident

import (
	"slices"
	"testing"

	"payops-mcp/shared/catalog"
)

// unexpected are the codes that no scenario expects yet: a diagnosis of the past
// whose history has to be in Prometheus first, a stuck partition and a replica that
// lags, which real brokers do not give on demand, and a latency that follows from
// nothing else.
var unexpected = []catalog.Code{catalog.CBFalseTrip, catalog.ConsumerPartitionStuck, catalog.KafkaUnderReplicated, catalog.IngestLatencyHigh}

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
		if open := slices.Contains(unexpected, e.Code); expected[e.Code] == open {
			t.Errorf("%s: a root or shown by an incident: %t, and listed as of none: %t", e.Code, expected[e.Code], open)
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
