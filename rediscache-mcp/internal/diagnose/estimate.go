package diagnose

import (
	"fmt"
	"math"
)

// Estimate is how many there are in all, judged by the part that was seen.
type Estimate struct {
	About int64 `json:"about"`
	Low   int64 `json:"low"` // with High, an interval that holds the truth 19 times of 20
	High  int64 `json:"high"`
}

// EstimateOf scales what was seen in a share of all keys. Redis keeps keys in the
// order of their hashes, so the part seen is a fair sample. It is nil when all or
// nothing was seen.
func EstimateOf(seen int64, share float64) *Estimate {
	if share <= 0 || share >= 1 {
		return nil
	}
	about := float64(seen) / share
	e := &Estimate{About: int64(math.Round(about)), Low: seen}
	if seen == 0 {
		e.High = int64(math.Ceil(3 * (1 - share) / share)) // the rule of three
		return e
	}
	// Each key falls into the part seen with probability share.
	spread := 1.96 * math.Sqrt(about*(1-share)/share)
	e.Low = max(seen, int64(math.Floor(about-spread)))
	e.High = int64(math.Ceil(about + spread))
	return e
}

// String says it in words.
func (e Estimate) String() string {
	return fmt.Sprintf("about %d (%d to %d)", e.About, e.Low, e.High)
}
