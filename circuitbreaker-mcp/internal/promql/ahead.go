package promql

import (
	"context"
	"time"
)

// clockQuery tells Prometheus' own clock.
const clockQuery = "time()"

// Ahead returns by how much Prometheus' clock is ahead of this machine's; false when
// it does not tell before ctx ends.
func (c *Client) Ahead(ctx context.Context) (time.Duration, bool) {
	sent := time.Now()
	all, err := only(c.instant(ctx, clockQuery, time.Time{}))("scalar")
	took := time.Since(sent)
	if err != nil || len(all) == 0 {
		return 0, false
	}
	return seconds(all[0].value()).Sub(sent.Add(took / 2)), true
}
