package promql

import (
	"context"
	"strings"
	"time"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

// Clock is what must be known before a time can be asked about.
type Clock struct {
	At       time.Time     // Prometheus' own
	Interval time.Duration // between scrapes of the ingest service; zero when it is not scraped now
	Source   fault.Source
}

// Clock asks for Prometheus' clock and how often it scrapes.
func (c *Client) Clock(ctx context.Context) Clock {
	start := time.Now()
	a := answers{asked: c.asked(clockQuery)}
	var now time.Time
	var scrapes []series
	fault.Together(
		func() {
			var err error
			if now, err = c.now(ctx); err != nil {
				a.fail(err, c.asked(clockQuery))
			}
		},
		func() { scrapes = c.scrapes(ctx, &a, scrapesQuery, time.Time{}) },
	)
	k := Clock{Source: fault.Source{Name: c.name, Asked: a.asked, Err: a.failure}, At: now}
	for _, s := range scrapes {
		if g := gap(s.points); g > 0 && (k.Interval == 0 || g < k.Interval) {
			k.Interval = g
		}
	}
	k.Source.Took = time.Since(start)
	return k
}

// Span is a time to ask about.
type Span struct {
	Since, Until time.Time
	Live         bool          // Until is Prometheus' present
	Interval     time.Duration // between scrapes, as the clock told; zero when not known
	Points       int           // at most so many points a line; about 100 when 0
	Before       bool          // the same length of time before it is compared with
}

// Past is what Prometheus has of the ingest service in a time. What happened
// between two scrapes is not known: times are those of scrapes.
type Past struct {
	Span
	At        time.Time     // Prometheus' clock at the answer
	Step      time.Duration // between the points of a line; each tells of the step before it
	Instances []PastInstance
	Lines     []Line
	HTTP      HTTP
	Pools     []Pool
	Errors    []ErrorCount
	Starts    []Start
	Source    fault.Source
}

// PastInstance is one instance in a time.
type PastInstance struct {
	Name     foreign.Text
	Interval time.Duration // the median between its scrapes; zero for fewer than two
	Scrapes  int           // that were made
	Failed   int           // of them
	First    time.Time     // scrape in the time
	Last     time.Time
	Started  time.Time // of its process; zero when that was before the time, or is not told
	Gaps     []Gap
	Breakers []PastBreaker
}

// Gap is a time without a good scrape.
type Gap struct {
	From, To time.Time // the last good scrape before it and the first after it, or the ends of the time
	Failed   int       // scrapes that were made in it and failed; 0 when none was made
}

// PastBreaker is one breaker of an instance in a time.
type PastBreaker struct {
	Name    foreign.Text
	Samples int    // scrapes that show it
	Stays   []Stay // in their order; empty when no scrape shows a known state

	// Calls in the time, and in that before it; nil when there is no series.
	Successful, Failed, NotPermitted, FailedBefore *float64
	// Highest values of a percentage; nil when it never had one.
	FailureRate, SlowCallRate *float64
	// MeanCall is the mean length of its calls in seconds; nil without calls.
	MeanCall *float64
	// Failures are the scrapes at which more calls had failed than at the one
	// before; asked for only of breakers that changed their state.
	Failures []Failures
}

// Failures are calls that failed between two scrapes.
type Failures struct {
	At time.Time // the later one
	N  float64
}

// Stay is a run of scrapes that saw a breaker in one state.
type Stay struct {
	State       string    // as the service spells it; "another" for none that is known
	First, Last time.Time // scrapes
}

// Line is something over time.
type Line struct {
	Name     LineName
	Breaker  foreign.Text // for lines of one breaker
	Instance foreign.Text
	Points   []Point
	TooFew   int // points of a rate for which the breaker had too few calls (-1)
	NaN      int // points that were scraped and are no number
}

// Point is a value at a time; nil where nothing was scraped or it is no number.
type Point struct {
	At    time.Time
	Value *float64
}

// LineName says what a line is of.
type LineName string

// The lines.
const (
	LineRequests     LineName = "requests"      // a second, payment routes
	LineAuthorize    LineName = "authorize"     // a second, of these
	Line5xx          LineName = "5xx"           // a second
	Line409          LineName = "409"           // a second, authorize
	Line429          LineName = "429"           // a second
	LineP95          LineName = "authorize_p95" // seconds
	LineFailureRate  LineName = "failure_rate"  // percent, of a breaker
	LineSlowRate     LineName = "slow_rate"     // percent, of a breaker
	LineNotPermitted LineName = "not_permitted" // calls a second, of a breaker
)

// HTTP is the traffic of the payment routes. Counts are increases that Prometheus
// extrapolates, so they are no whole numbers; a restart of a counter is no fall.
type HTTP struct {
	Routes []Route
	// FiveMinutes and Recent are of the end of the time, Baseline of the hour
	// before the five minutes.
	FiveMinutes, Recent, Baseline Traffic
	RecentFor                     time.Duration
	// AuthorizeP95 is in seconds, over five minutes and over RecentFor.
	AuthorizeP95, AuthorizeP95Recent *float64
}

// Route is the traffic of one route.
type Route struct {
	URI    foreign.Text
	Status map[string]float64 // requests by HTTP status
	Before map[string]float64 // in the time before; nil when there is none
	// FiveMinutes and Recent are of the end of the time; Recent of a minute at least, for
	// one route serves little.
	FiveMinutes, Recent Traffic
	P50, P95, P99       *float64 // seconds; nil without a histogram or requests
	P95Before           *float64
	Mean                *float64 // seconds
}

// Traffic is requests of a time.
type Traffic struct {
	All, S5xx, S429            float64 // of all payment routes
	Authorize, AuthorizeRefuse float64 // authorize, and those answered 409
}

// Pool is one database connection pool at the end of the time.
type Pool struct {
	Instance, Name       foreign.Text
	Active, Max, Pending *float64 // connections, and threads that wait for one
	AlwaysPending        *float64 // the least number that waited in RecentFor
	Timeouts             *float64 // in five minutes
	RecentTimeouts       *float64 // in RecentFor
	// MostPending is the most that waited at any scrape of the time, and TimeoutsOver
	// how many gave up in all of it; asked for only of a time that is over.
	MostPending, TimeoutsOver *float64
}

// ErrorCount is calls to Kafka that failed.
type ErrorCount struct {
	Job       foreign.Text
	Kind      ErrorKind
	Exception foreign.Text // the simple name of its class; empty when not told
	Count     float64      // in the time
	Before    float64      // in the time before
	Recent    float64      // a second, at the end of the time
	// Last is the last scrape that saw more of them, and SentSince how many sends
	// succeeded after it; asked for only of refusals of ingest that have ceased now.
	Last      time.Time
	SentSince float64
}

// ErrorKind says who failed.
type ErrorKind string

// The kinds of errors.
const (
	ProducerErrors ErrorKind = "producer" // records that the Kafka client gave up
	TemplateErrors ErrorKind = "send"     // sends, by the exception
	ListenerErrors ErrorKind = "listener" // records that a consumer failed to handle
)

// OfIngest reports whether it was the ingest service that failed.
func (e ErrorCount) OfIngest() bool { return strings.EqualFold(string(e.Job), job) }

// Start is a process that started in the time.
type Start struct {
	Job, Instance foreign.Text
	At            time.Time
}
