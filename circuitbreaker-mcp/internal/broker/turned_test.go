package broker

import (
	"errors"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
)

// A group that was Stable a minute ago and is Empty now was called healthy: the two
// last samples did not agree, and no other was taken.
func TestWhatHasTurnedSinceTheLastCallIsLookedAtAgain(t *testing.T) {
	sample := func(state string, committed, last int64) Sample {
		return Sample{State: state, Offsets: []Offset{{Topic: "t", Committed: committed, First: 0, Last: last, Known: true}}}
	}
	old := func(committed, last int64) Sample {
		s := sample("Stable", committed, last)
		s.Offsets[0].Due = last
		return s
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
		"a burst came":           {[]Sample{sample("Stable", 0, 691), sample("Stable", 0, 610), old(0, 780)}, 1, true},
		"and falls":              {[]Sample{sample("Stable", 0, 100), sample("Stable", 0, 900), old(0, 850)}, 1, true},
		"an old backlog drains":  {[]Sample{sample("Stable", 0, 800), sample("Stable", 300, 800), old(600, 800)}, 1, true},
		"far more waits":         {[]Sample{sample("Stable", 95, 100), sample("Stable", 190, 580)}, 1, true},
		"busy, nothing old":      {[]Sample{sample("Stable", 0, 10), sample("Stable", 20, 60)}, 1, false},
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

// One restart of a consumer has Kafka wait some seconds for more of them: whether that
// comes to rest is seen within the same call.
func TestAGroupThatRebalancesIsLookedAtFurther(t *testing.T) {
	begin := time.Now()
	group := func(seconds int, states ...string) []*groupState {
		g := &groupState{}
		for n, state := range states {
			g.Samples = append(g.Samples, Sample{State: state, At: begin.Add(time.Duration(n*seconds) * time.Second)})
		}
		return []*groupState{g}
	}
	for name, c := range map[string]struct {
		groups []*groupState
		want   bool
	}{
		"none":                    {nil, false},
		"not told":                {group(1), false},
		"at rest":                 {group(1, "PreparingRebalance", "Stable"), false},
		"begins":                  {group(1, "Stable", "PreparingRebalance"), true},
		"goes on":                 {group(1, "PreparingRebalance", "CompletingRebalance", "PreparingRebalance"), true},
		"for longer than a while": {group(5, "PreparingRebalance", "CompletingRebalance", "PreparingRebalance"), false},
		"came to rest in between": {group(5, "PreparingRebalance", "Stable", "PreparingRebalance"), true},
	} {
		if got := restless(c.groups, 10*time.Second); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if restless(group(1, "PreparingRebalance"), 0) {
		t.Error("one look was asked for, and another taken")
	}
}

// A few seconds after a broker came back, its groups go there, and nobody can tell of
// them until it has read what they had committed.
func TestAGroupThatHasJustMovedIsLookedAtFurther(t *testing.T) {
	var c Client
	for name, x := range map[string]struct {
		err  error
		want bool
	}{
		"told":          {nil, false},
		"loading":       {kafka.GroupLoadInProgress, true},
		"on its way":    {kafka.NotCoordinatorForGroup, true},
		"not for us":    {kafka.GroupAuthorizationFailed, false},
		"has no leader": {kafka.GroupCoordinatorNotAvailable, false},
		"silent":        {errors.New("i/o timeout"), false},
	} {
		g := &groupState{}
		if x.err != nil {
			g.Err = c.failure(x.err)
		}
		if got := moving([]*groupState{{}, g}); got != x.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
