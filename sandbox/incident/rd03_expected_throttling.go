package incident

import "time"

// RD-03: a merchant sends more than its limit and is throttled until the window
// ends, as it should be.
var _ = add(asking(rateIncident("RD-03", func(w *World, c *counter) {
	c.count = limits[c.action] + w.between(1, 500)
	c.ttl = time.Duration(w.between(30, window-1)) * time.Second
}), askHitting()))
