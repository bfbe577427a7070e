package incident

import (
	"payops-mcp/sandbox/ingest"
)

// NM-17: merchants repeat requests that were answered; each repetition is answered
// 409, as it should be. The payment gateway is well.
var _ = add(breakerShows("NM-17", []Ask{askWhyOpen(), askBreaker(), askPattern()}, []string{ingest.PGAuthAPI}, func(w *World, s ingest.State) ingest.State {
	return withTraffic(s, authorize(409, float64(w.between(3, 15)), 0.02))
}))
