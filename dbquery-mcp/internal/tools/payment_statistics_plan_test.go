package tools

import (
	"testing"
	"time"

	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/shared/when"
)

// All of time is counted, as one part where it cannot be cut at the oldest payment.
func TestStatisticsOfAllTimeWhateverIsTheOldest(t *testing.T) {
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		oldest time.Time
		parts  int
	}{
		"no payment":         {time.Time{}, 1},
		"three days ago":     {now.Add(-72 * time.Hour), 7},
		"now":                {now, 1},
		"in another zone":    {now.Add(9 * time.Hour), 1},
		"a moment too early": {now.Add(2 * time.Millisecond), 1},
	} {
		t.Run(name, func(t *testing.T) {
			q := &statisticsQuestion{}
			parts := q.plan(when.Range{}, paydb.StatisticsBegin{Now: now, Oldest: c.oldest})
			if len(parts) != c.parts || q.steps != c.parts {
				t.Fatalf("%d parts, %d steps: %v", len(parts), q.steps, parts)
			}
			if last := parts[len(parts)-1]; !last.Until.IsZero() {
				t.Errorf("the last part ends at %v, and leaves out what is later", last.Until)
			}
		})
	}
}
