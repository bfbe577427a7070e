package ingest

import (
	"fmt"
	"slices"

	"payops-mcp/sandbox/ingest/wire"
)

// The two breakers of the real service.
const (
	KafkaPublisher = wire.KafkaPublisher
	PGAuthAPI      = wire.PGAuthAPI
)

// BreakerState is a Resilience4j state, as its REST API spells it.
type BreakerState = wire.State

// The six states. Each is also one Prometheus series, in lower case.
const (
	Closed      = wire.Closed
	Open        = wire.Open
	HalfOpen    = wire.HalfOpen
	ForcedOpen  = wire.ForcedOpen
	Disabled    = wire.Disabled
	MetricsOnly = wire.MetricsOnly
)

// Settings are what a breaker was configured with.
type Settings struct {
	MinimumCalls  int // calls before a rate is known
	Window        int // calls that are remembered
	HalfOpenCalls int // calls let through, and remembered, while HALF_OPEN
}

// settings of the real service's configuration.
var settings = map[string]Settings{
	KafkaPublisher: {MinimumCalls: 5, Window: 100, HalfOpenCalls: 3},
	PGAuthAPI:      {MinimumCalls: 10, Window: 100, HalfOpenCalls: 5},
}

// SettingsOf returns the settings of a breaker; an unknown one has
// Resilience4j's defaults.
func SettingsOf(name string) Settings {
	if s, ok := settings[name]; ok {
		return s
	}
	return Settings{MinimumCalls: 100, Window: 100, HalfOpenCalls: 10}
}

// Breaker is one circuit breaker at a moment. Counts are calls in its sliding
// window. Rates are not fields: they follow from the counts, as they do in
// Resilience4j; see FailureRate.
type Breaker struct {
	State          BreakerState `json:"state"`
	Successful     int          `json:"successful,omitempty"`
	Failed         int          `json:"failed,omitempty"`
	SlowSuccessful int          `json:"slowSuccessful,omitempty"` // of Successful
	SlowFailed     int          `json:"slowFailed,omitempty"`     // of Failed
	// NotPermitted counts calls turned away since the last change of state.
	NotPermitted int `json:"notPermitted,omitempty"`

	// PerSecond makes the cumulative counters of the metrics rise with time.
	PerSecond CallRates `json:"perSecond,omitzero"`
	// CallSeconds is how long one call takes, for the timer metrics.
	CallSeconds float64 `json:"callSeconds,omitempty"`
}

// CallRates are calls a second by outcome.
type CallRates struct {
	Successful   float64 `json:"successful,omitempty"`
	Failed       float64 `json:"failed,omitempty"`
	Ignored      float64 `json:"ignored,omitempty"`
	NotPermitted float64 `json:"notPermitted,omitempty"`
}

// Buffered is how many calls the window holds.
func (b Breaker) Buffered() int { return b.Successful + b.Failed }

// Slow is how many calls in the window were slow.
func (b Breaker) Slow() int { return b.SlowSuccessful + b.SlowFailed }

// window is how many calls the breaker can remember in its state. Forced open
// and disabled it remembers none.
func (b Breaker) window(s Settings) int {
	switch b.State {
	case HalfOpen:
		return s.HalfOpenCalls
	case ForcedOpen, Disabled:
		return 0
	default:
		return s.Window
	}
}

// FailureRate is the share of failed calls in percent, or -1 while there are
// too few calls to tell: fewer than the minimum, which a small window lowers.
func (b Breaker) FailureRate(s Settings) float64 { return b.rate(b.Failed, s) }

// SlowCallRate is the share of slow calls in percent, or -1 like FailureRate.
func (b Breaker) SlowCallRate(s Settings) float64 { return b.rate(b.Slow(), s) }

func (b Breaker) rate(part int, s Settings) float64 {
	n := b.Buffered()
	if n == 0 || n < min(s.MinimumCalls, b.window(s)) {
		return -1
	}
	return 100 * float64(part) / float64(n)
}

// validate says what no real breaker could show.
func (b Breaker) validate(s Settings) error {
	if !slices.Contains(wire.States, b.State) {
		return fmt.Errorf("unknown state %q: want one of %v", b.State, wire.States)
	}
	if min(b.Successful, b.Failed, b.SlowSuccessful, b.SlowFailed, b.NotPermitted) < 0 {
		return fmt.Errorf("a count is negative: %+v", b)
	}
	if b.Buffered() > b.window(s) {
		return fmt.Errorf("%d calls do not fit the window of %d that a %s breaker has", b.Buffered(), b.window(s), b.State)
	}
	if b.SlowSuccessful > b.Successful || b.SlowFailed > b.Failed {
		return fmt.Errorf("more slow calls than calls: %+v", b)
	}
	return nil
}

// wire is the breaker as the API and the metrics tell of it.
func (b Breaker) wire(s Settings) wire.Breaker {
	return wire.Breaker{
		State:          b.State,
		Successful:     b.Successful,
		Failed:         b.Failed,
		SlowSuccessful: b.SlowSuccessful,
		SlowFailed:     b.SlowFailed,
		NotPermitted:   b.NotPermitted,
		FailureRate:    b.FailureRate(s),
		SlowCallRate:   b.SlowCallRate(s),
	}
}
