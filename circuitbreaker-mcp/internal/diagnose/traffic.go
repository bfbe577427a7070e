package diagnose

import (
	"fmt"
	"math"
	"slices"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/report"
)

// What the catalog calls a spike.
const (
	minRequests   = 20   // below which a share is chance
	share5xx      = 0.05 // of the payment routes' requests
	times409      = 5    // its share of authorize, of the hour before
	least409      = 0.05 // below which it is no spike
	unknown409    = 0.2  // what is one where the hour before is not known
	share429      = 0.05
	slowAuthorize = 1.0 // seconds, p95
	spikeWindow   = 5 * time.Minute
	leastOfFew    = 3 // failures among few requests; fewer are chance
	mostFailed    = 0.5
)

// paymentRequests is the series that the shares are of.
const paymentRequests = `http_server_requests_seconds_count{job="ingest-service",uri=~"/payments/.*"}`

// share is a part of requests in a while.
type share struct {
	part, all float64
	at        time.Time
	over      time.Duration
}

func (s share) ratio() float64 {
	if s.all == 0 {
		return 0
	}
	return s.part / s.all
}

func (s share) String() string {
	return fmt.Sprintf("%s%% (%s of %s requests in %s)", number(100*s.ratio()), whole(s.part), whole(s.all), short(s.over))
}

// whole writes a count of requests: Prometheus extrapolates to fractions.
func whole(v float64) string { return fmt.Sprintf("%.0f", math.Round(v)) }

// parts are two lines of which one is part of the other, and the same of a while.
type parts struct {
	part, all promql.LineName
	of        func(promql.Traffic) (part, all float64)
}

var (
	failed5xx  = parts{promql.Line5xx, promql.LineRequests, func(t promql.Traffic) (float64, float64) { return t.S5xx, t.All }}
	refused409 = parts{promql.Line409, promql.LineAuthorize, func(t promql.Traffic) (float64, float64) { return t.AuthorizeRefuse, t.Authorize }}
	limited429 = parts{promql.Line429, promql.LineRequests, func(t promql.Traffic) (float64, float64) { return t.S429, t.All }}
)

// spike is the share that a rule judges: that of the last five minutes, if it
// still goes on; for a time that is over, the worst five minutes of it.
func spike(p promql.Past, of parts) (share, bool) { return shareOf(p, of, share.enough) }

// enough reports whether there are so many requests that a share of them is no chance.
func (s share) enough() bool { return s.all >= minRequests }

// shareOf is the same of the whiles that are of a kind.
func shareOf(p promql.Past, of parts, fits func(share) bool) (share, bool) {
	if !p.Live {
		return worst(p, of, fits)
	}
	five, all := of.of(p.HTTP.FiveMinutes)
	s := share{five, all, p.Until, spikeWindow}
	now, served := of.of(p.HTTP.Recent)
	over := served >= 3 && now/served < s.ratio()/4
	return s, fits(s) && !over
}

// worst is the highest share of a line in another over five minutes, or a step
// where that is longer.
func worst(p promql.Past, of parts, fits func(share) bool) (most share, found bool) {
	for _, s := range windows(p, of) {
		if fits(s) && s.ratio() > most.ratio() {
			most, found = s, true
		}
	}
	return most, found
}

// windows are the shares of a line in another over five minutes each, or a step where
// that is longer, one a step.
func windows(p promql.Past, of parts) (all []share) {
	parts, alls := lineOf(p, of.part, ""), lineOf(p, of.all, "")
	if parts == nil || alls == nil {
		return nil
	}
	n := max(1, int(spikeWindow/p.Step))
	for i := n - 1; i < len(alls.Points); i++ {
		s := share{at: alls.Points[i].At, over: time.Duration(n) * p.Step}
		for k := i - n + 1; k <= i; k++ {
			s.part += valueOf(parts.Points[k]) * p.Step.Seconds()
			s.all += valueOf(alls.Points[k]) * p.Step.Seconds()
		}
		all = append(all, s)
	}
	return all
}

// leastWindows are as many whiles of five minutes as tell what is usual.
const leastWindows = 10

// usual409 is the share of authorize that is usually answered 409, and in words: that
// of the hour before, or of half of its whiles where that is less. An outage that went
// before this one, or goes on for long, is in the first and not in the second.
func usual409(p promql.Past) (usual float64, words string, known bool) {
	part, all := refused409.of(p.HTTP.Baseline)
	if all < 5*minRequests {
		return 0, "the hour before is not known", false
	}
	usual = part / all
	words = "in the hour before " + number(100*usual) + "%"
	var before []float64
	for _, s := range windows(p, refused409) {
		if p.Live && s.enough() && !s.at.After(p.Until.Add(-spikeWindow)) {
			before = append(before, s.ratio())
		}
	}
	if len(before) < leastWindows {
		return usual, words, true
	}
	slices.Sort(before)
	if half := before[len(before)/2]; half < usual {
		usual = half
		words = "in half of the time before at most " + number(100*usual) + "%"
	}
	return usual, words, true
}

// mostOfFew reports whether requests are too few for a share, and most of them failed all
// the same: at night that is what an outage looks like.
func (s share) mostOfFew() bool {
	return !s.enough() && math.Round(s.part) >= leastOfFew && s.ratio() >= mostFailed
}

// fewFailed are requests that mostly failed and were too few for a share.
func fewFailed(p promql.Past) (share, bool) {
	if !trafficKnown(p) {
		return share{}, false
	}
	return shareOf(p, failed5xx, share.mostOfFew)
}

// failuresJudged reports whether it was seen how many requests failed, and whether that
// is more than usual could be told.
func failuresJudged(p promql.Past) bool { return trafficKnown(p) && len(RequestDoubts(p)) == 0 }

// TrafficDoubts tell of requests and of sends that fail where they are too few for a
// finding.
func TrafficDoubts(p promql.Past) []string { return slices.Concat(RequestDoubts(p), sendDoubts(p)) }

// RequestDoubts tell of requests that mostly fail where they are too few for a finding.
func RequestDoubts(p promql.Past) (doubts []string) {
	if len(spike5xx(p)) > 0 {
		return nil
	}
	doubt := func(s share, requests string) {
		when := ""
		if !p.Live {
			when = " until " + moment(p, s.at)
		}
		doubts = append(doubts, fmt.Sprintf("%s of %s %s in %s%s were answered 5xx: too few for a share", whole(s.part), whole(s.all), requests, short(s.over), when))
	}
	if s, few := fewFailed(p); few {
		doubt(s, "payment requests")
		return doubts
	}
	for _, r := range failedRoutes(p, share.mostOfFew) {
		doubt(r.share, "requests of "+r.name)
	}
	return few(doubts, maxDoubts, "more")
}

func valueOf(p promql.Point) float64 {
	if p.Value == nil {
		return 0
	}
	return *p.Value
}

// lineOf returns a line by its name; nil when there is none.
func lineOf(p promql.Past, name promql.LineName, breaker string) *promql.Line {
	for i, l := range p.Lines {
		if l.Name == name && l.Breaker.String() == breaker {
			return &p.Lines[i]
		}
	}
	return nil
}

func spike5xx(p promql.Past) []report.Finding {
	s, seen := spike(p, failed5xx)
	if !seen || s.ratio() < share5xx {
		return routes5xx(p)
	}
	f := report.NewFinding(catalog.Ingest5xxSpike, "%s of payment requests are answered 5xx", s).
		With("prometheus", `increase(`+paymentRequests+`[5m]) by status`, s.String(), s.at).
		Hurts("these payments: the merchants get no answer that they can use").
		Then("check_database_health: about half of the requests is one of two shards", "check_stack_health: pools and instances").
		ConfirmWith("check_database_health")
	return []report.Finding{f}
}

func spike409(p promql.Past) []report.Finding {
	s, seen := spike(p, refused409)
	if !seen || s.ratio() < least409 || math.Round(s.part) < leastOfFew {
		return nil
	}
	usual, before, known := usual409(p)
	if known && s.ratio() < times409*usual || !known && s.ratio() < unknown409 {
		return nil
	}
	f := report.NewFinding(catalog.Ingest409Spike, "%s of authorize are answered 409; %s. 409 is a real duplicate, or the payment gateway failed or its breaker is open", s, before).
		With("prometheus", `increase(http_server_requests_seconds_count{job="ingest-service",uri="/payments/authorize",status="409"}[5m])`, s.String(), s.at).
		Hurts("unless they are duplicates: authorizations that are not charged and look like duplicates to the merchant").
		Then("Look at pg-auth-api in get_circuit_breaker_status: open or failing, it is the gateway",
			"Else they are duplicates: see whether merchants retry").
		ConfirmWith("get_circuit_breaker_status")
	return []report.Finding{f}
}

func spike429(p promql.Past) []report.Finding {
	s, seen := spike(p, limited429)
	if !seen || s.ratio() < share429 {
		return nil
	}
	f := report.NewFinding(catalog.Ingest429Spike, "%s of payment requests are answered 429", s).
		With("prometheus", `increase(`+paymentRequests+`[5m]) by status`, s.String(), s.at).
		Then("find_merchants_hitting_limits: who, and whether a counter without a TTL blocks them for ever").
		ConfirmWith("find_merchants_hitting_limits")
	return []report.Finding{f}
}

// slowest is the highest p95 of a line, of those points that enough requests were made
// in for it to mean something.
func slowest(p promql.Past) (p95 *float64, at time.Time) {
	l, requests := lineOf(p, promql.LineP95, ""), lineOf(p, promql.LineRequests, "")
	if l == nil || requests == nil {
		return nil, at
	}
	for n, x := range l.Points {
		enough := n < len(requests.Points) && valueOf(requests.Points[n])*p.RateWindow().Seconds() >= minRequests
		if enough && x.Value != nil && (p95 == nil || *x.Value > *p95) {
			p95, at = x.Value, x.At
		}
	}
	return p95, at
}

// latencyKnown reports whether it was seen how long authorizations took.
func latencyKnown(p promql.Past) bool {
	if !p.Live {
		return trafficKnown(p) && lineOf(p, promql.LineP95, "") != nil
	}
	return trafficKnown(p) && p.HTTP.AuthorizeP95 != nil
}

func latencyHigh(p promql.Past) []report.Finding {
	p95, at, over := p.HTTP.AuthorizeP95, p.Until, spikeWindow
	if p.Live {
		if recent := p.HTTP.AuthorizeP95Recent; recent != nil && *recent <= slowAuthorize || p.HTTP.FiveMinutes.Authorize < minRequests {
			return nil
		}
	} else {
		p95, at = slowest(p)
		over = p.RateWindow()
	}
	if p95 == nil || *p95 <= slowAuthorize {
		return nil
	}
	f := report.NewFinding(catalog.IngestLatencyHigh, "authorize is slow: p95 %ss over %s, the limit is %ss", number(*p95), short(over), number(slowAuthorize)).
		With("prometheus", fmt.Sprintf(`histogram_quantile(0.95, sum by (le) (rate(http_server_requests_seconds_bucket{job="ingest-service",uri="/payments/authorize"}[%ds])))`, int(over.Seconds())), number(*p95)+" s", at).
		Hurts("every authorization").
		Then("Look at the slow-call rate of pg-auth-api: is it the payment gateway", "check_stack_health: does a database pool wait", "cache_stats: does Redis answer in time").
		ConfirmWith("check_stack_health")
	return []report.Finding{f}
}

// noTraffic tells of a service that is scraped and has served nothing.
func noTraffic(p promql.Past) []report.Finding {
	if !pastKnown(p) {
		return nil
	}
	up := 0
	for _, i := range p.Instances {
		if i.Scrapes > i.Failed {
			up++
		}
	}
	for _, r := range p.HTTP.Routes {
		for _, n := range r.Status {
			if n > 0 {
				return nil
			}
		}
	}
	if up == 0 {
		return nil
	}
	f := report.NewFinding(catalog.IngestNoTraffic, "no payment request in %s on %d scraped instances", short(p.Until.Sub(p.Since)), up).
		With("prometheus", `sum(increase(`+paymentRequests+fmt.Sprintf("[%ds]))", int(p.Until.Sub(p.Since).Seconds())), "0 or no series", p.Until).
		Then("See whether any traffic is expected now; if so, look at the gateway and at who calls it")
	return []report.Finding{f}
}
