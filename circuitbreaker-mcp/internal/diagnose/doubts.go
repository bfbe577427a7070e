package diagnose

import "fmt"

// Doubts say what keeps readings from being healthy without being a finding. One
// of them is enough for the verdict not to be ok.
func Doubts(s Status) (doubts []string) {
	for _, breaker := range s.Breakers() {
		all := s.of(breaker)
		if some := filter(all, inState("HALF_OPEN")); len(some) > 0 {
			doubts = append(doubts, fmt.Sprintf("%s is HALF_OPEN %s, which a timer sets: it says nothing of recovery", Name(breaker), Where(some, all)))
		}
		if some := filter(all, inState("")); len(some) > 0 {
			doubts = append(doubts, fmt.Sprintf("state of %s not known %s", Name(breaker), Where(some, all)))
		}
	}
	for _, want := range s.Expected {
		if len(s.of(want)) == 0 {
			doubts = append(doubts, "nothing shows "+Name(want))
		}
	}
	const most = 3
	if more := len(doubts) - most; more > 0 {
		doubts = append(doubts[:most], fmt.Sprintf("%d more", more))
	}
	return doubts
}
