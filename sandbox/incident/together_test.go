package incident

import (
	"slices"
	"testing"
)

func TestTogether(t *testing.T) {
	for _, c := range []struct {
		a, b string
		can  bool
	}{
		{"RD-01", "LG-01", true},
		{"RD-01", "RD-04", true},
		{"LG-01", "ST-02", true},
		{"OB-04", "LG-07", true},
		{"CB-01", "RD-01", true},
		{"OB-01", "RD-03", true},
		{"OB-01", "LG-03", false}, // captures that are under way look as if they had no posting
		{"TS-12", "RD-01", true},
		{"CB-07", "OB-04", true},
		{"RD-01", "RD-01", false}, // the same
		{"RD-01", "NM-09", false}, // nothing is wrong with the second
		{"TS-12", "LG-01", false}, // without the databases nobody sees the books
		{"RD-10", "RD-01", false}, // nor the counters without Redis
		{"TS-01", "CB-06", false}, // nor the gateway's breaker without Prometheus
		{"OB-04", "LG-01", false}, // an event that was given up may be the posting that is missing
		{"LG-11", "LG-01", false}, // a posting on the wrong shard is missing on the right one
		{"OB-05", "OB-11", false}, // what waits tells of one of them
		{"CB-01", "KF-04", false}, // without brokers there is no lag
		{"CB-01", "OB-04", false}, // those who pay in a living system publish what waits
		{"KF-13", "RF-04", false}, // nor are there failed payments for long
		{"CX-01", "LG-01", false}, // these are two already
	} {
		a, err := Get(c.a)
		if err != nil {
			t.Fatal(err)
		}
		b, err := Get(c.b)
		if err != nil {
			t.Fatal(err)
		}
		if why := Together(a, b); (why == "") != c.can || why != Together(b, a) {
			t.Errorf("%s and %s: %q, and the other way round %q", c.a, c.b, why, Together(b, a))
		}
	}
}

func TestNearMissesAreHealthyAndHoldTogether(t *testing.T) {
	for _, living := range []bool{false, true} {
		near := NearMisses(living)
		if len(near) < 5 {
			t.Errorf("living %v: only %d near misses", living, len(near))
		}
		for _, n := range near {
			if !n.Row().Healthy() || slices.Contains(alone, n.ID) {
				t.Errorf("%s is among the near misses", n.ID)
			}
		}
	}
	for _, i := range All() {
		for _, n := range i.NearMisses() {
			if n.Living() && !i.Living() {
				t.Errorf("%s takes a living system for %s", i.ID, n.ID)
			}
		}
	}
}

// The larger part of what can go wrong must be able to go wrong beside something
// else.
func TestMostIncidentsAreInAPair(t *testing.T) {
	in := map[string]bool{}
	for _, p := range Pairs() {
		in[p[0].ID], in[p[1].ID] = true, true
	}
	of := 0
	for _, i := range All() {
		if !i.Row().Healthy() && len(i.Row().Root) == 1 {
			of++
			if !in[i.ID] {
				t.Errorf("%s can be together with nothing", i.ID)
			}
		}
	}
	if of < 50 {
		t.Errorf("only %d incidents", of)
	}
}
