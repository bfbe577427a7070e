package incident

// RD-02: a counter lost its TTL long before the limit: nobody notices, until it
// blocks for ever.
var _ = add(asking(rateIncident("RD-02", func(w *World, c *counter) {
	c.count = w.between(100, limits[c.action]/4)
}), askHitting(), askTTLs()))
