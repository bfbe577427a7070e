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
	at, err := c.now(ctx)
	took := time.Since(sent)
	if err != nil || at.IsZero() {
		return 0, false
	}
	return at.Sub(sent.Add(took / 2)), true
}

// now is the time by Prometheus' clock; zero when it answers without one.
func (c *Client) now(ctx context.Context) (at time.Time, err error) {
	all, err := only(c.instant(ctx, clockQuery, time.Time{}))("scalar")
	if err == nil && len(all) > 0 {
		at = seconds(all[0].value())
	}
	return at, err
}
