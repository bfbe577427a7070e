package diagnose

import (
	"fmt"
	"slices"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/promql"
)

// LostDoubts tell of breakers that were not CLOSED when their instance was last scraped,
// as before a registry dropped it: what became of them is not known. Those that there is
// a reading of are judged, or doubted, by that.
func LostDoubts(p promql.Past, st Status) (doubts []string) {
	for _, e := range Lost(p) {
		if !slices.ContainsFunc(st.of(e.Breaker), func(r Reading) bool { return r.Label == e.Instance }) {
			doubts = append(doubts, fmt.Sprintf("%s of %s was %s when it was last scraped, %s: what became of it is not known", Name(e.Breaker), Name(e.Instance), e.Final, e.To.Format(time.TimeOnly)))
		}
	}
	return few(doubts, maxDoubts, "more")
}

// Lost are the episodes of which the end of a time tells nothing.
func Lost(p promql.Past) []Episode {
	return slices.DeleteFunc(Episodes(p), func(e Episode) bool { return !e.Lost })
}
