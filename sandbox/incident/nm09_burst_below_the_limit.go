package incident

import "time"

// NM-09: a burst that stays below the limit.
var _ = add(asking(rateIncident("NM-09", func(w *World, c *counter) {
	c.count = limits[c.action] * w.between(82, 98) / 100
	c.ttl = time.Duration(w.between(20, window-1)) * time.Second
}), askHitting()))
