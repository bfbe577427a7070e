package diagnose

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"payops-mcp/shared/catalog"
	"payops-mcp/shared/report"
)

// Versus is the breaker around Kafka beside what Kafka itself says at present.
// Every tool that has asked both judges them by these rules.
type Versus struct {
	Status
	// Kafka are the findings about Kafka, and that it refuses the ingest service; they
	// decide whether it works for the breaker's calls.
	Kafka []report.Finding
	// Asked is whether Kafka was asked and the question was settled: it answered,
	// or no broker could be reached. Without that nothing is said of either side.
	Asked bool
}

// versusRules are the judges that need the breaker's view and Kafka's own.
var versusRules = []struct {
	code  catalog.Code
	judge func(Versus) []report.Finding
	seen  func(Status) bool
}{
	{catalog.CBBlind, blind, Status.statesKnown},
	{catalog.CBFalseTrip, falseTrip, Status.failuresKnown},
	{catalog.CBHalfOpenStarved, starved, Status.historyKnown},
}

// BreakerVersusKafka runs the rules. ran are the codes of those that had what
// they need.
func BreakerVersusKafka(v Versus) (found []report.Finding, ran []catalog.Code) {
	if !v.Asked {
		return nil, nil
	}
	for _, r := range versusRules {
		found = append(found, r.judge(v)...)
		if r.seen(v.Status) {
			ran = append(ran, r.code)
		}
	}
	return found, ran
}

// failuresKnown reports whether it was looked at when the calls failed that opened
// a breaker, if one is.
func (s Status) failuresKnown() bool {
	return s.statesKnown() && !slices.ContainsFunc(s.of(KafkaPublisher), func(r Reading) bool { return r.State == "OPEN" && r.FailedOver == nil })
}

// troubles are the findings that keep events from reaching Kafka: those that the
// catalog says a breaker can be blind to. Too few replicas hold up the workers
// alone, for the ingest service does not wait for them; what is not certain is none.
func (v Versus) troubles() []report.Finding {
	return slices.DeleteFunc(slices.Clone(v.Kafka), func(f report.Finding) bool {
		e, _ := catalog.Find(f.Code)
		return f.Code == catalog.KafkaBelowMinISR || f.Verdict == catalog.Unknown || !slices.Contains(e.Explains, catalog.CBBlind)
	})
}

// blind finds a breaker that lets events go to a Kafka that does not take them:
// where no metadata is to be had, a send fails before the breaker counts it.
func blind(v Versus) []report.Finding {
	all := v.of(KafkaPublisher)
	some := filter(all, inState("CLOSED"))
	trouble := v.troubles()
	if len(some) == 0 || len(trouble) == 0 {
		return nil
	}
	f := report.NewFinding(catalog.CBBlind, "%s is CLOSED %s while events cannot reach Kafka (%s): the breaker does not see it", KafkaPublisher, Where(some, all), codes(trouble)).
		Hurts("outbox events: their sends fail one by one, and each failure uses up one of their retries").
		Then("check_outbox_status: do retries rise and does the oldest event keep ageing", "Repair Kafka; do not republish by hand").
		ConfirmWith("check_outbox_status")
	return []report.Finding{cite(f, some)}
}

func codes(found []report.Finding) string {
	var names []string
	for _, f := range found {
		names = append(names, string(f.Code))
	}
	return strings.Join(names, ", ")
}

const (
	// failedAtLeast is how many failed calls open the breaker around Kafka.
	failedAtLeast = 5
	// spreadOver is how far apart failures are that no one outage explains.
	spreadOver = 10 * time.Minute
	// starvedAfter is how long a breaker is HALF_OPEN before that is remarkable.
	starvedAfter = 2 * time.Minute
)

// falseTrip finds a breaker that was opened by a few failures of a long time:
// while it is CLOSED it counts failures and never a success.
func falseTrip(v Versus) []report.Finding {
	if len(v.troubles()) > 0 {
		return nil
	}
	all := v.of(KafkaPublisher)
	some := filter(all, func(r Reading) bool {
		failed, ok := r.Counts()
		return r.State == "OPEN" && failed != nil && *failed >= failedAtLeast && ok != nil && *ok == 0 && r.FailedOver != nil && *r.FailedOver >= spreadOver
	})
	if len(some) == 0 {
		return nil
	}
	failed, _ := some[0].Counts()
	f := report.NewFinding(catalog.CBFalseTrip, "%s is OPEN %s though Kafka works: the %d failures that it counted are spread over %s, and while CLOSED it counts no successes",
		KafkaPublisher, Where(some, all), *failed, short(*some[0].FailedOver)).
		Hurts("outbox events of these instances wait until it tries again, after %s", Defaults[0].WaitOpen).
		Then("Wait for it to try again: trial calls to a Kafka that works close it", "Ticket: record every success in CLOSED, as the newer builds do").
		ConfirmWith("check_kafka_health")
	return []report.Finding{cite(f, some)}
}

// starving are the readings of a breaker that stays HALF_OPEN because too few of its
// trial calls are counted: one event in ten, and it needs three.
func (v Versus) starving() []Reading {
	if len(v.troubles()) > 0 {
		return nil
	}
	return filter(v.of(KafkaPublisher), func(r Reading) bool {
		p := r.fresh()
		// What came after the last scrape has not lasted.
		if r.State != "HALF_OPEN" || p == nil || p.State != r.State || p.History.Reopened > 0 && !rests(p) {
			return false
		}
		since, _ := r.Since()
		from := p.History.From
		return !since.IsZero() && v.Prom.At.Sub(since) >= starvedAfter || since.IsZero() && !from.IsZero() && v.Prom.At.Sub(from) >= starvedAfter
	})
}

// Explained is the status of which it is known whether Kafka explains the breakers: then
// that instances differ, where one has not come to it yet, is no cause beside it.
func (v Versus) Explained() Status {
	s := v.Status
	s.KafkaExplains = v.Asked && (slices.ContainsFunc(v.troubles(), opens) || v.allStarve())
	return s
}

// opens reports whether the breaker around Kafka opens of a trouble.
func opens(f report.Finding) bool {
	e, _ := catalog.Find(f.Code)
	return slices.Contains(e.Explains, catalog.CBOpen)
}

// allStarve reports whether every breaker around Kafka that is not CLOSED waits in
// HALF_OPEN for trial calls that are counted: its trouble is over.
func (v Versus) allStarve() bool {
	starving := v.starving()
	held := filter(v.of(KafkaPublisher), func(r Reading) bool { return r.State != "" && r.State != "CLOSED" })
	return len(starving) > 0 && len(beside(held, starving)) == 0
}

// starved finds them.
func starved(v Versus) []report.Finding {
	all, some := v.of(KafkaPublisher), v.starving()
	if len(some) == 0 {
		return nil
	}
	s, _ := SettingsOf(KafkaPublisher)
	trial := "none of its trial calls is counted yet"
	if n := some[0].Buffered(); n != nil && *n > 0 {
		trial = fmt.Sprintf("%d of the %d trial calls that it needs are counted", *n, s.HalfOpenCalls)
	}
	since := ""
	if at, _ := some[0].Since(); !at.IsZero() {
		since = " since " + at.Format(time.RFC3339)
	}
	f := report.NewFinding(catalog.CBHalfOpenStarved, "%s is HALF_OPEN %s%s and Kafka works: %s, for it counts one event in ten", KafkaPublisher, Where(some, all), since, trial).
		Hurts("nothing, if the outbox drains: sends are not held back in HALF_OPEN").
		Then("check_outbox_status: does it drain; if so, nothing need be done", "Ticket: record every success, as the newer builds do").
		ConfirmWith("check_outbox_status")
	return []report.Finding{cite(f, some)}
}
