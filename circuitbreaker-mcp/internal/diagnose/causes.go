package diagnose

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/shared/report"
)

// Case is a breaker that is not CLOSED, or was not, and what is known around it.
type Case struct {
	Breaker string
	Begun   time.Time // when it left CLOSED: the first scrape that saw it
	Status  Status    // at the time asked about
	Past    promql.Past
	Kafka   []report.Finding // what Kafka says, at present
	Settled bool             // Kafka was asked and the question was settled
	Live    bool             // the present is asked about, so that Kafka's answer is of then
}

// Cause is one explanation, with what speaks for and against it and the one look
// that tells it from the others.
type Cause struct {
	What         string
	For, Against []string
	Probe        string
	weight       int
}

// CaseOf finds what there is to explain: the breaker that is not CLOSED at the
// time asked about, or the last that was in the time; ok is false when all stayed
// CLOSED.
func CaseOf(st Status, p promql.Past, wanted string) (c Case, ok bool) {
	episodes := slices.DeleteFunc(Episodes(p), func(e Episode) bool { return wanted != "" && e.Breaker != wanted })
	open := filter(st.Readings, func(r Reading) bool { return r.State != "" && r.State != "CLOSED" })
	c = Case{Status: st, Past: p, Live: p.Live}
	switch {
	case len(open) > 0:
		slices.SortStableFunc(open, func(a, b Reading) int {
			return cmp.Compare(slices.Index(byBadness, a.State), slices.Index(byBadness, b.State))
		})
		c.Breaker = open[0].Breaker
		for _, e := range episodes {
			during := e.Lasts || !st.Prom.At.Before(e.From) && !st.Prom.At.After(e.To)
			if e.Breaker == c.Breaker && during && (c.Begun.IsZero() || e.From.Before(c.Begun)) {
				c.Begun = e.From
			}
		}
		if c.Begun.IsZero() {
			c.Begun, _ = open[0].Since()
		}
	case len(episodes) > 0:
		last := episodes[len(episodes)-1]
		c.Breaker, c.Begun = last.Breaker, last.From
		for _, e := range episodes {
			if e.Breaker == c.Breaker && e.To.After(last.From) && e.From.Before(c.Begun) {
				c.Begun = e.From
			}
		}
	default:
		return c, false
	}
	return c, true
}

// Causes are the explanations of a case that anything speaks for, the likeliest
// first.
func Causes(c Case) (all []Cause) {
	candidates := []func(Case) Cause{instanceAlone, restarted, forcedByHand}
	switch c.Breaker {
	case KafkaPublisher:
		candidates = append([]func(Case) Cause{kafkaFailed, notAllowed, scattered}, candidates...)
	case PGAuthAPI:
		candidates = append([]func(Case) Cause{gatewayFails, gatewaySlow}, candidates...)
	}
	for _, of := range candidates {
		if cause := of(c); cause.weight > 0 {
			all = append(all, cause)
		}
	}
	slices.SortStableFunc(all, func(a, b Cause) int { return cmp.Compare(b.weight, a.weight) })
	return all
}

func (x *Cause) speaks(weight int, format string, args ...any) {
	x.weight += weight
	x.For = append(x.For, fmt.Sprintf(format, args...))
}

func (x *Cause) objects(weight int, format string, args ...any) {
	x.weight -= weight
	x.Against = append(x.Against, fmt.Sprintf(format, args...))
}

// kafkaFailed: Kafka did not take what was sent to it.
func kafkaFailed(c Case) Cause {
	x := Cause{What: "Kafka did not take events", Probe: "check_kafka_health"}
	v := Versus{Status: c.Status, Kafka: c.Kafka, Asked: c.Settled}
	trouble := v.troubles()
	switch {
	case c.Live && len(trouble) > 0:
		x.speaks(6, "Kafka says so itself: %s", codes(trouble))
	case len(trouble) > 0:
		x.speaks(1, "it is in trouble now too (%s)", codes(trouble))
	case c.Live && c.Settled:
		x.objects(3, "Kafka answers now and misses nothing")
	}
	if !c.Live {
		x.Probe = "the brokers' logs of " + c.Begun.Format(time.TimeOnly)
	}
	if n := c.swings(); n >= 2 {
		x.speaks(2, "its trial calls failed: %d changes between OPEN and HALF_OPEN", n)
	}
	for _, e := range c.Past.Errors {
		if e.Refused() || e.Kind == promql.ListenerErrors || !e.OfIngest() {
			continue
		}
		what := "records were given up"
		if e.Kind == promql.TemplateErrors {
			what = "sends failed"
			if e.Exception != "" {
				what += " (" + Name(e.Exception.String()) + ")"
			}
		}
		x.speaks(1, "%s %s", whole(e.Count), what)
		if len(x.For) > 3 {
			break
		}
	}
	if some, all := c.instances(); some == all && all > 1 {
		x.speaks(1, "all %d instances at once", all)
	}
	return x
}

// notAllowed: Kafka is there and refuses this sender.
func notAllowed(c Case) Cause {
	x := Cause{What: "Kafka refuses the sender (ACL)", Probe: "the ACLs of the ingest service's account: WRITE on payment.*"}
	for _, e := range c.Past.Errors {
		if e.Refused() && e.OfIngest() {
			x.speaks(7, "%s sends of %s failed with %s", whole(e.Count), Name(e.Job.String()), Name(e.Exception.String()))
		}
	}
	return x
}

// scattered: a few failures of a long time, for successes are not counted.
func scattered(c Case) Cause {
	x := Cause{What: "a few scattered failures (while CLOSED it counts no successes)", Probe: "check_kafka_health: if Kafka works, it was them"}
	spread, failed := Spread(c.Past, c.Breaker, c.Begun)
	switch {
	case spread == nil:
		return x
	case *spread >= spreadOver:
		x.speaks(4, "the %s failures before it opened are spread over %s", whole(failed), short(*spread))
	default:
		x.objects(3, "the %s failures before it opened lie within %s", whole(failed), short(*spread))
	}
	if trouble := (Versus{Kafka: c.Kafka}).troubles(); len(trouble) > 0 && c.Live {
		x.objects(3, "Kafka is in trouble now")
	}
	return x
}

// Spread is how far apart the failures lie that opened a breaker around Kafka, and
// how many of them were seen: of the opening at a time, or of the last where that is zero.
// It takes five to open it; where fewer were seen the spread is a lower bound, and tells
// nothing where more could make of it what no one outage explains. It is nil when no
// opening was seen.
func Spread(p promql.Past, breaker string, begun time.Time) (spread *time.Duration, failed float64) {
	for _, i := range p.Instances {
		for _, b := range i.Breakers {
			n := opening(b.Stays, begun)
			if b.Name.String() != breaker || n < 1 {
				continue
			}
			from, seen := failedFrom(p, i, b, n)
			d := b.Stays[n].First.Sub(from)
			if seen == 0 || seen < failedAtLeast && d < spreadOver {
				continue // what opened it was not seen
			}
			if spread == nil || d < *spread {
				spread, failed = &d, seen
			}
		}
	}
	return spread, failed
}

// opening is the stay with which a breaker left CLOSED: the first from a time on, or the
// last where that is zero; -1 for none. Between two scrapes it may have come further.
func opening(stays []promql.Stay, begun time.Time) int {
	last := -1
	for n := 1; n < len(stays); n++ {
		if stays[n-1].State != "CLOSED" || side(stays[n].State) != "OPEN" || stays[n].First.Before(begun) {
			continue
		}
		if last = n; !begun.IsZero() {
			break
		}
	}
	return last
}

// failedFrom is since when the failures came that opened a breaker, and how many of them
// were seen. What failed before it was CLOSED, or before its process started, it no longer
// counts.
func failedFrom(p promql.Past, i promql.PastInstance, b promql.PastBreaker, opened int) (from time.Time, seen float64) {
	closed := b.Stays[opened-1]
	counts := later(closed.First, i.Started)
	for _, f := range slices.Backward(b.Failures) {
		if f.At.After(b.Stays[opened].First) {
			continue
		}
		if !f.At.After(counts) || seen >= failedAtLeast {
			break
		}
		from, seen = f.At, seen+f.N
	}
	if seen < failedAtLeast && opened == 1 && i.Started.Before(closed.First) {
		from = later(p.Since, i.First) // the others lie before what was seen
	}
	return from, seen
}

// WithSpread tells readings how far apart the failures lie that opened them.
func (s Status) WithSpread(p promql.Past) Status {
	s.Readings = slices.Clone(s.Readings)
	for n, r := range s.Readings {
		if r.State != "OPEN" {
			continue
		}
		of := p
		of.Instances = slices.DeleteFunc(slices.Clone(p.Instances), func(i promql.PastInstance) bool { return i.Name.String() != r.Label })
		s.Readings[n].FailedOver, _ = Spread(of, r.Breaker, time.Time{})
	}
	return s
}

// gatewayFails: the payment gateway answers errors.
func gatewayFails(c Case) Cause {
	x := Cause{What: "the payment gateway fails", Probe: "the provider's status page, and the error codes in the ingest log"}
	failed, slow := c.rates()
	if failed == nil {
		return x
	}
	if *failed >= brokenPercent {
		x.speaks(5, "up to %s%% of its calls failed", number(*failed))
	} else {
		x.objects(3, "only %s%% of its calls failed", number(*failed))
	}
	if slow != nil && *slow < slowPercent {
		x.speaks(1, "only %s%% were slow", number(*slow))
	}
	if some, all := c.instances(); some == all && all > 1 {
		x.speaks(1, "all %d instances at once", all)
	}
	return x
}

// gatewaySlow: the payment gateway answers, too late.
func gatewaySlow(c Case) Cause {
	x := Cause{What: "the payment gateway is slow", Probe: "the provider's latency; mean_call_s of analyze_failure_pattern"}
	failed, slow := c.rates()
	if slow == nil {
		return x
	}
	if *slow >= slowPercent {
		x.speaks(5, "up to %s%% of its calls took longer than 2 s", number(*slow))
	} else {
		x.objects(3, "only %s%% of its calls were slow", number(*slow))
	}
	if failed != nil && *failed < brokenPercent {
		x.speaks(1, "only %s%% failed", number(*failed))
	}
	if some, all := c.instances(); some == all && all > 1 {
		x.speaks(1, "all %d instances at once", all)
	}
	return x
}

// instanceAlone: one instance, and not what all of them call.
func instanceAlone(c Case) Cause {
	x := Cause{What: "the way of one instance", Probe: "from that host: its network, configuration and build, beside one that works"}
	if some, all := c.instances(); some > 0 && some < all {
		x.speaks(5, "only %d of %d instances", some, all)
	}
	return x
}

// restartedBefore is how long after a start a breaker's trouble may be its.
const restartedBefore = 10 * time.Minute

// restarted: something was started shortly before.
func restarted(c Case) Cause {
	x := Cause{What: "a restart or a deploy", Probe: "what was deployed then"}
	var jobs []string
	for _, e := range starts(c.Past) {
		if before := c.Begun.Sub(e.At); before >= 0 && before <= restartedBefore {
			jobs = append(jobs, fmt.Sprintf("%s, %s before", strings.Replace(e.What, " started:", " on", 1), short(before)))
		}
	}
	if len(jobs) > 0 {
		x.speaks(3, "started: %s", strings.Join(jobs[:min(len(jobs), 2)], "; "))
	}
	return x
}

// forcedByHand: a person did it.
func forcedByHand(c Case) Cause {
	x := Cause{What: "a person set it by hand", Probe: "ask who has access to the actuator or the console"}
	for _, e := range Episodes(c.Past) {
		if e.Breaker == c.Breaker && e.To.After(c.Begun) && (e.Worst == "FORCED_OPEN" || e.Worst == "DISABLED" || e.Worst == "METRICS_ONLY") {
			x.speaks(8, "it was %s, which nothing sets by itself", e.Worst)
			return x
		}
	}
	for _, r := range c.Status.of(c.Breaker) {
		if r.State == "FORCED_OPEN" || r.State == "DISABLED" || r.State == "METRICS_ONLY" {
			x.speaks(8, "it is %s, which nothing sets by itself", r.State)
			return x
		}
	}
	return x
}

// swings are the changes between OPEN and HALF_OPEN of the worst instance.
func (c Case) swings() (most int) {
	by := map[string]int{}
	for _, t := range Transitions(c.Past) {
		if t.Breaker == c.Breaker && side(t.From) == "OPEN" && side(t.To) == "OPEN" {
			by[t.Instance]++
			most = max(most, by[t.Instance])
		}
	}
	return most
}

// instances counts those on which the breaker was not CLOSED, of those that show it.
func (c Case) instances() (some, all int) {
	for _, i := range c.Past.Instances {
		for _, b := range i.Breakers {
			if b.Name.String() != c.Breaker {
				continue
			}
			all++
			// What was over before this case began is another one.
			if slices.ContainsFunc(b.Stays, func(s promql.Stay) bool {
				return s.State != "CLOSED" && s.State != "another" && !s.Last.Before(c.Begun)
			}) {
				some++
			}
		}
	}
	if all > 0 {
		return some, all
	}
	readings := c.Status.of(c.Breaker)
	return len(filter(readings, func(r Reading) bool { return r.State != "" && r.State != "CLOSED" })), len(readings)
}

// rates are the highest failure and slow-call rates of the time, or of now.
func (c Case) rates() (failed, slow *float64) {
	take := func(into **float64, v *float64) {
		if v != nil && (*into == nil || *v > **into) {
			*into = v
		}
	}
	for _, i := range c.Past.Instances {
		for _, b := range i.Breakers {
			if b.Name.String() == c.Breaker {
				take(&failed, b.FailureRate)
				take(&slow, b.SlowCallRate)
			}
		}
	}
	for _, r := range c.Status.of(c.Breaker) {
		take(&failed, r.FailureRate())
		take(&slow, r.SlowCallRate())
	}
	return failed, slow
}
