package incident

// RD-01: the limiter counted, and died before it set the TTL. Past the capacity
// the merchant is blocked until somebody deletes the key.
var _ = add(asking(rateIncident("RD-01", func(w *World, c *counter) {
	c.count = limits[c.action] + w.between(1, 5000)
}), askHitting(), askTTLs()))
