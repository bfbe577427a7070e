package broker

import "testing"

// A group that was Stable a minute ago and is Empty now was called healthy: the two
// last samples did not agree, and no other was taken.
func TestWhatHasTurnedSinceTheLastCallIsLookedAtAgain(t *testing.T) {
	sample := func(state string, committed, last int64) Sample {
		return Sample{State: state, Offsets: []Offset{{Topic: "t", Committed: committed, First: 0, Last: last, Known: true}}}
	}
	for name, c := range map[string]struct {
		samples []Sample
		fresh   int
		want    bool
	}{
		"nothing is kept":        {[]Sample{sample("Empty", 1, 9)}, 1, false},
		"as it was":              {[]Sample{sample("Stable", 1, 9), sample("Stable", 3, 9)}, 1, false},
		"its consumer is gone":   {[]Sample{sample("Stable", 1, 9), sample("Empty", 3, 9)}, 1, true},
		"and was looked at more": {[]Sample{sample("Stable", 1, 9), sample("Empty", 3, 9), sample("Empty", 3, 9)}, 2, true},
		"it was gone before":     {[]Sample{sample("Empty", 3, 9), sample("Empty", 3, 9)}, 1, false},
		"it rebalances":          {[]Sample{sample("Stable", 1, 9), sample("PreparingRebalance", 3, 9)}, 1, true},
		"beyond the end":         {[]Sample{sample("Empty", 3, 9), sample("Empty", 5000, 9)}, 1, true},
		"beyond the end before":  {[]Sample{sample("Empty", 5000, 9), sample("Empty", 5000, 9)}, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			g := &groupState{Group: Group{State: c.samples[len(c.samples)-1].State, Samples: c.samples}}
			if got := turned([]*groupState{g}, c.fresh); got != c.want {
				t.Errorf("turned %v, want %v", got, c.want)
			}
		})
	}
}
