package incident

import "payops-mcp/sandbox/ingest"

// CB-07: somebody has opened the breaker by hand.
var _ = add(breakerShows("CB-07", []Ask{askBreaker(), askWhyOpen()}, []string{"FORCED_OPEN"}, func(_ *World, s ingest.State) ingest.State {
	return s.With(ingest.KafkaPublisher, ingest.Breaker{State: ingest.ForcedOpen})
}))
