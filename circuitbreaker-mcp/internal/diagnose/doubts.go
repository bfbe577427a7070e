package diagnose

import (
	"fmt"
	"slices"
)

// Doubts say what keeps readings from being healthy without being a finding. One
// of them is enough for the verdict not to be ok.
func Doubts(s Status) (doubts []string) { return doubtsBut(s, nil) }

// Doubts are those of the status, without those of readings that a finding explains: a
// breaker that is starved of trial calls is HALF_OPEN for that.
func (v Versus) Doubts() (doubts []string) {
	if !v.Asked {
		return Doubts(v.Status)
	}
	return doubtsBut(v.Status, v.starving())
}

// maxDoubts is how many doubts about breakers are told.
const maxDoubts = 3

func doubtsBut(s Status, explained []Reading) (doubts []string) {
	for _, breaker := range s.Breakers() {
		all := s.of(breaker)
		if some := beside(filter(all, inState("HALF_OPEN")), explained); len(some) > 0 {
			doubts = append(doubts, fmt.Sprintf("%s is HALF_OPEN %s, which a timer sets: it says nothing of recovery", Name(breaker), Where(some, all)))
		}
		if some := filter(all, overLimit); len(some) > 0 {
			doubts = append(doubts, fmt.Sprintf("%s is CLOSED %s%s, at which the repository's settings open it", Name(breaker), Where(some, all), worstRates(some)))
		}
		if some := filter(all, contradicted); len(some) > 0 {
			doubts = append(doubts, fmt.Sprintf("%s says CLOSED %s, where Prometheus saw %s: it closed just now, or one of them is wrong; ask again after the next scrape",
				Name(breaker), Where(some, all), some[0].Disagrees()))
		}
		if some := filter(all, inState("")); len(some) > 0 {
			doubts = append(doubts, fmt.Sprintf("state of %s not known %s", Name(breaker), Where(some, all)))
		}
	}
	doubts = slices.Concat(doubts, pgAuthDoubt(s), pgAuthSlowDoubt(s), pgAuthUntold(s))
	for _, want := range s.Expected {
		if len(s.of(want)) == 0 {
			doubts = append(doubts, "nothing shows "+Name(want))
		}
	}
	return few(doubts, maxDoubts, "more")
}

// beside are the readings that are not explained. An address of the API that no series
// is known to be of may be an instance of Prometheus under its other name, as long as
// there are as many of these.
func beside(some, explained []Reading) []Reading {
	some = filter(some, func(r Reading) bool {
		return !slices.ContainsFunc(explained, func(e Reading) bool { return e.Breaker == r.Breaker && e.Instance == r.Instance })
	})
	nameless := func(r Reading) bool { return r.Configured && r.Label == "" }
	scraped := filter(explained, func(e Reading) bool { return !e.Configured && len(some) > 0 && e.Breaker == some[0].Breaker })
	if len(filter(some, nameless)) <= len(scraped) {
		some = filter(some, func(r Reading) bool { return !nameless(r) })
	}
	return some
}

// overLimit reports whether a breaker is closed at rates that should have opened
// it: it is set otherwise than the repository says, or a number is wrong.
func overLimit(r Reading) bool {
	s, known := SettingsOf(r.Breaker)
	if r.State != "CLOSED" || !known || r.TooFewCalls() {
		return false
	}
	failed, slow := r.FailureRate(), r.SlowCallRate()
	return failed != nil && *failed >= float64(s.FailureRate) || slow != nil && *slow >= float64(s.SlowCallRate)
}

// contradicted reports whether an instance says CLOSED and its last scrape, which
// is of now, saw that calls are held back or tried.
func contradicted(r Reading) bool {
	p := r.fresh()
	return r.State == "CLOSED" && r.Live && p != nil && (p.State == "OPEN" || p.State == "HALF_OPEN" || p.State == "FORCED_OPEN")
}
