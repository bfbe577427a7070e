package drill

import (
	"slices"
	"strings"

	"payops-mcp/sandbox/incident"
)

// Scenario is what happens at the same time, on one system.
type Scenario struct {
	Near      []incident.Incident // near misses, which come first and last
	Incidents []incident.Incident // one, or two that can hold together; none to have the near misses alone
	Seed      uint64              // from which names, counts and times are drawn
}

// Mode is a way in which scenarios are made.
type Mode string

// The modes.
const (
	Alone Mode = "alone" // one incident, or one near miss
	Over  Mode = "over"  // one incident on top of the near misses that can hold together with it
	Pair  Mode = "pair"  // two incidents that can hold together
	Noise Mode = "noise" // the near misses that can hold together, and nothing else
)

// Mode is how the scenario is made.
func (s Scenario) Mode() Mode {
	switch {
	case len(s.Incidents) > 1:
		return Pair
	case len(s.Incidents) == 0:
		return Noise
	case len(s.Near) > 0:
		return Over
	}
	return Alone
}

// Name is the same whatever the seed: "OB-04", "OB-04 over near misses",
// "OB-04 + RD-01", "near misses (living)".
func (s Scenario) Name() string {
	ids := make([]string, 0, len(s.Incidents))
	for _, i := range s.Incidents {
		ids = append(ids, i.ID)
	}
	switch s.Mode() {
	case Noise:
		if s.Living() {
			return "near misses (living)"
		}
		return "near misses (static)"
	case Over:
		return ids[0] + " over near misses"
	}
	return strings.Join(ids, " + ")
}

// Living says that it takes a living system.
func (s Scenario) Living() bool {
	for _, i := range slices.Concat(s.Incidents, s.Near) {
		if i.Living() {
			return true
		}
	}
	return false
}

// Healthy says that nothing is wrong: it only looks so.
func (s Scenario) Healthy() bool {
	for _, i := range s.Incidents {
		if !i.Row().Healthy() {
			return false
		}
	}
	return true
}

// Family is the first two letters of the incidents' ids, or what there is in their
// place: "OB", "pair", "near misses".
func (s Scenario) Family() string {
	switch {
	case s.Mode() == Pair:
		return "pairs"
	case s.Mode() == Noise:
		return "NM"
	}
	family, _, _ := strings.Cut(s.Incidents[0].ID, "-")
	return family
}
