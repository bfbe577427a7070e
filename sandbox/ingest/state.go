package ingest

import (
	"fmt"
	"maps"
	"time"
)

// State is everything that the instance tells about itself.
type State struct {
	// Breakers by name. A missing kafka-publisher is answered as the real
	// service answers it: "Not Found".
	Breakers map[string]Breaker `json:"breakers"`
	// DecimalComma writes rates as "50,00%", as a JVM in many locales does.
	DecimalComma bool `json:"decimalComma,omitempty"`
	// Down makes /actuator/health answer 503 {"status":"DOWN"}.
	Down bool `json:"down,omitempty"`
	// HTTP is the traffic that the metrics tell of.
	HTTP []Traffic `json:"http,omitempty"`
	// Pools are the database connection pools that the metrics tell of.
	Pools []Pool `json:"pools,omitempty"`
	// Started is when the process says it started; zero means when it did.
	Started time.Time `json:"started,omitzero"`
}

// Traffic is requests of one kind.
type Traffic struct {
	Method    string  `json:"method"`
	URI       string  `json:"uri"` // the template, as in /payments/capture/{paymentId}
	Status    int     `json:"status"`
	PerSecond float64 `json:"perSecond"`
	// MeanSeconds is the mean duration. Durations are spread exponentially,
	// so that half are below 0.69 and 95% below 3.0 times the mean.
	MeanSeconds float64 `json:"meanSeconds"`
}

// Pool is one database connection pool.
type Pool struct {
	Name              string  `json:"name"`
	Max               int     `json:"max"`
	Active            int     `json:"active"`
	Idle              int     `json:"idle"`
	Pending           int     `json:"pending"`
	TimeoutsPerSecond float64 `json:"timeoutsPerSecond,omitempty"`
}

// Healthy is an instance with traffic and nothing wrong. Its kafka-publisher
// breaker has seen no calls: while CLOSED the real service records failures
// only, so that its rates read -1.00%.
func Healthy() State {
	return State{
		Breakers: map[string]Breaker{
			KafkaPublisher: {State: Closed},
			PGAuthAPI: {
				State: Closed, Successful: 99, Failed: 1, CallSeconds: 0.12,
				PerSecond: CallRates{Successful: 19.9, Failed: 0.1},
			},
		},
		HTTP: []Traffic{
			{"POST", "/payments/authorize", 200, 20, 0.15},
			{"POST", "/payments/authorize", 409, 0.2, 0.02},
			{"POST", "/payments/capture/{paymentId}", 200, 2, 0.05},
			{"POST", "/payments/refund/{paymentId}", 200, 1, 0.05},
		},
		Pools: []Pool{
			{Name: "HikariPool-1", Max: 20, Active: 3, Idle: 17},
			{Name: "HikariPool-2", Max: 20, Active: 2, Idle: 18},
		},
	}
}

// With returns a copy of the state in which one breaker is replaced.
func (s State) With(name string, b Breaker) State {
	s.Breakers = maps.Clone(s.Breakers)
	if s.Breakers == nil {
		s.Breakers = map[string]Breaker{}
	}
	s.Breakers[name] = b
	return s
}

// Validate says what no real instance could show.
func (s State) Validate() error {
	for name, b := range s.Breakers {
		if err := b.validate(SettingsOf(name)); err != nil {
			return fmt.Errorf("breaker %s: %w", name, err)
		}
	}
	// Two series with the same labels would break the scrape.
	traffic, pools := map[string]bool{}, map[string]bool{}
	for _, p := range s.Pools {
		if pools[p.Name] {
			return fmt.Errorf("pool %q is there twice", p.Name)
		}
		pools[p.Name] = true
	}
	for _, t := range s.HTTP {
		key := fmt.Sprintf("%s %s %d", t.Method, t.URI, t.Status)
		if traffic[key] {
			return fmt.Errorf("traffic %s is there twice", key)
		}
		traffic[key] = true
		if t.PerSecond < 0 || t.MeanSeconds < 0 || t.Status < 100 || t.Status > 599 {
			return fmt.Errorf("impossible traffic: %+v", t)
		}
	}
	return nil
}
