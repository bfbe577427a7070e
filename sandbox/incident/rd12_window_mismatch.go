package incident

import "time"

// RD-12: one instance of ingest has another window, and blocks for an hour.
var _ = add(asking(rateIncident("RD-12", func(w *World, c *counter) {
	c.count = limits[c.action] + w.between(1, 500)
	c.ttl = time.Duration(w.between(2000, 3600)) * time.Second
}), askTTLs(), askHitting()))
