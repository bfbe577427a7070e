package diagnose

import (
	"slices"

	"payops-mcp/circuitbreaker-mcp/internal/ingest"
)

// unseen are readings without a state of the breakers that API addresses do not
// tell of and that no instance of Prometheus can be showing in their place: an
// instance that answers and is not scraped has a breaker around the payment
// gateway too, and what another instance's does says nothing of it. A breaker
// that nothing shows at all is not among them.
func unseen(api []ingest.Instance, readings []Reading, expected []string) (missing []Reading) {
	for _, breaker := range expected {
		shown := filter(readings, func(r Reading) bool { return r.Breaker == breaker })
		if len(shown) == 0 {
			continue
		}
		silent := slices.DeleteFunc(slices.Clone(api), func(a ingest.Instance) bool {
			return a.Gateway() || a.Monitoring() || slices.ContainsFunc(shown, func(r Reading) bool { return r.Instance == a.Name })
		})
		// Each of these may be an address under another name.
		others := filter(shown, func(r Reading) bool { return !r.Configured })
		if len(silent) <= len(others) {
			continue
		}
		for _, a := range silent {
			why := "neither its API nor Prometheus shows it"
			if !a.Source.OK() {
				why = "the API did not answer (" + string(a.Source.Err.Class) + "); no series of it in Prometheus"
			}
			missing = append(missing, Reading{Breaker: breaker, Instance: a.Name, Configured: true, Unknown: why})
		}
	}
	return missing
}
