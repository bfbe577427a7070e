package incident

import "payops-mcp/sandbox/ingest"

// CB-06: the payment gateway answers, and too slowly; its breaker tries again.
var _ = add(breakerShows("CB-06", []Ask{askWhyOpen(), askPattern()}, []string{ingest.PGAuthAPI, "80%"}, func(w *World, s ingest.State) ingest.State {
	mean := 2.1 + w.Rand.Float64()
	s = s.With(ingest.PGAuthAPI, ingest.Breaker{State: ingest.HalfOpen, Successful: 5, SlowSuccessful: 4, CallSeconds: mean, PerSecond: ingest.CallRates{Successful: 2, NotPermitted: 5}})
	return withTraffic(s, authorize(200, 2, mean), authorize(409, 5, 0.02))
}))
