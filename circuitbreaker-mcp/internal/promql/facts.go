package promql

import (
	"time"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

// Facts are what Prometheus has of the ingest service's circuit breakers.
type Facts struct {
	At        time.Time  // Prometheus' own clock at the answer; zero when it did not answer
	Instances []Instance // by name; those it scraped, or tried to, in the last five minutes
	// LastSeen is the last scrape of any instance in the last week, asked for
	// only when there are no instances now; zero when there was none.
	LastSeen time.Time
	// Local tells whether Prometheus was asked on the loopback, so that loopback
	// addresses that it scrapes are those of this machine.
	Local bool
	// Targets tells whether Prometheus listed the addresses that it scrapes;
	// other stores of its data cannot.
	Targets bool
	// Source has an Err as soon as one question was not answered, and the facts
	// are then what the others gave.
	Source fault.Source
}

// Instance is one scraped instance.
type Instance struct {
	Name        foreign.Text  // its label, which may be an address or a name of the service registry
	Address     string        // host and port that is scraped; empty when not known
	Interval    time.Duration // between scrapes; zero when not known
	Up          bool          // whether the last scrape worked
	UpAt        time.Time     // when that was; zero when Prometheus does not tell
	ScrapeError foreign.Text  // why it did not work, where Prometheus tells
	Started     time.Time     // when the process started; zero when not known
	Breakers    []Breaker     // by name
}

// Breaker is one circuit breaker of an instance as of a scrape.
type Breaker struct {
	Name  foreign.Text
	At    time.Time // the scrape that the state is from
	State string    // as the service spells it; empty unless exactly one series is 1
	Ones  []string  // the states whose series are 1, when State is empty

	History History

	// Rates are percentages; nil when the breaker has too few calls (-1 in
	// Prometheus) or gives no value.
	FailureRate, SlowCallRate *float64
	// Calls in the window; nil when there is no series.
	Successful, Failed, SlowSuccessful, SlowFailed *int
	// Calls a second over the last five minutes; nil when not known.
	SuccessfulPerSecond, FailedPerSecond, NotPermittedPerSecond *float64
}

// History is how a breaker came to its state. All times are those of scrapes:
// what happened between two of them is not known.
type History struct {
	From time.Time // the oldest scrape looked at; zero when there is no history

	Since  time.Time // the first scrape with the present state; zero when there was no other
	Before time.Time // the last scrape with another state
	// Left is the first scrape of a run of OPEN and HALF_OPEN that lasts; zero when no
	// other state was seen before it.
	Left time.Time

	// Swings counts the changes between OPEN and HALF_OPEN, and Reopened those
	// of them from HALF_OPEN back to OPEN, in the last hour and since any other
	// state.
	Swings, Reopened int
}
