package tools

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/diagnose"
	"payops-mcp/circuitbreaker-mcp/internal/ingest"
	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
	"payops-mcp/shared/tool"
	"payops-mcp/shared/when"
)

// DiagnoseIn are the arguments of diagnose_circuit_breaker.
type DiagnoseIn struct {
	At        string `json:"at,omitempty" jsonschema:"a past moment: 14:00, yesterday 2pm, 30m ago, RFC 3339; default now" min:"1" max:"100"`
	TimeRange string `json:"time_range,omitempty" jsonschema:"instead of at: 3h, yesterday 2-3pm; at most 7d; default 1h" min:"1" max:"100"`
	Breaker   string `json:"breaker,omitempty" jsonschema:"one breaker; default the one that is not CLOSED" min:"1" max:"100"`
}

// DiagnoseData is what diagnose_circuit_breaker answers.
type DiagnoseData struct {
	Moment   string      `json:"moment,omitempty"` // that the states and findings are of, where it is not now
	States   []StateRow  `json:"states,omitempty"`
	Kafka    string      `json:"kafka_now"` // what Kafka itself says at present
	Causes   []CauseRow  `json:"causes,omitempty"`
	Timeline []EventRow  `json:"timeline,omitempty"`
	Around   []AroundRow `json:"around,omitempty"`
}

// StateRow is one breaker at the moment.
type StateRow struct {
	Breaker foreign.Text `json:"breaker"`
	State   string       `json:"state"`
	On      string       `json:"on"`
	Since   string       `json:"since,omitempty"`
}

// CauseRow is an explanation. They are ranked, the likeliest first.
type CauseRow struct {
	Cause   string `json:"cause"`
	For     string `json:"for"`
	Against string `json:"against,omitempty"`
	Probe   string `json:"probe"` // the look that tells it from the others
}

// EventRow is something that happened.
type EventRow struct {
	At   time.Time `json:"at"`
	Kind string    `json:"kind"`
	What string    `json:"what"`
}

// AroundRow compares the time with the same length of time before.
type AroundRow struct {
	What   string `json:"what"`
	In     string `json:"in_the_time"`
	Before string `json:"before"`
}

const (
	// around is how much before and after a moment is looked at.
	around = 30 * time.Minute
	// maxEvents is how many events the timeline has.
	maxEvents = 5
	// maxAround is how many numbers are compared with the time before.
	maxAround = 4
	// maxCauses is how many explanations are told; where one is proven, it alone.
	maxCauses = 3
)

// question is what is asked: a time, and the moment of it that matters.
type question struct {
	spec   when.Spec
	at     when.Moment
	moment bool // at was given
	// breaker is the only one asked about; empty for all.
	breaker string
}

func readQuestion(in DiagnoseIn) (q question, err error) {
	q.breaker = in.Breaker
	if in.At == "" {
		q.spec, err = readTime(when.Args{TimeRange: in.TimeRange}, "1h")
		return q, err
	}
	if in.TimeRange != "" {
		return q, fault.Invalidf("at and time_range: give one of them; at looks %s before and after", lengthOf(around))
	}
	q.moment = true
	if q.at, err = when.ParseMoment(in.At); err != nil {
		return q, fault.New(fault.Invalid, "It can be said as "+when.MomentForms, "at: %w", err)
	}
	return q, nil
}

// examined is what Prometheus, Kafka and the instances said.
type examined struct {
	sight
	at    time.Time // the moment asked about; zero for none
	api   []ingest.Instance
	kafka diagnose.Kafka
}

func (s Sources) diagnose(ctx context.Context, in DiagnoseIn) (report.Answer[DiagnoseData], error) {
	var a report.Answer[DiagnoseData]
	q, err := readQuestion(in)
	if err != nil {
		return a, err
	}
	sources, cancel := sourceContext(ctx)
	defer cancel()
	got := examined{}
	var wrong error
	fault.Together(
		func() { got.kafka = s.Kafka.Cluster(sources) },
		func() { got.api = s.Ingest.Breakers(sources) },
		func() { got.sight, got.at, wrong = s.examine(sources, q) },
	)
	switch {
	case wrong != nil:
		return a, wrong
	case ctx.Err() != nil:
		return a, ctx.Err()
	}
	if !got.span.Live {
		got.api = nil // they tell only of now
	}
	got.kafka.At = s.inZone(got.kafka.At)

	all := diagnose.Join(got.api, got.facts, s.Zone)
	if err := known(all, StatusIn{Breaker: in.Breaker}); err != nil {
		return a, err
	}
	past := got.past
	if in.Breaker != "" {
		past = only(past, in.Breaker)
	}
	st := all.Select(in.Breaker, "").WithSpread(past)
	c, found := diagnose.CaseOf(st, past, in.Breaker)
	c.Settled = diagnose.KafkaSettled(got.kafka)
	kafka, kafkaRan := diagnose.KafkaFindings(got.kafka)
	c.Kafka = kafka
	v := diagnose.Versus{Status: st, Kafka: slices.Concat(kafka, diagnose.IngestRefused(past)), Asked: c.Settled}
	if got.span.Live { // what Kafka says is of now
		st = v.Explained()
	}

	var ran []catalog.Code
	a.Findings, ran = diagnose.Breakers(st)
	inWindow, windowRan := diagnose.InWindow(past)
	a.Findings, ran = append(a.Findings, inWindow...), append(diagnose.OverTime(ran, past), windowRan...)
	doubts := slices.Concat(diagnose.WindowDoubts(past), diagnose.TrafficDoubts(past), diagnose.LostDoubts(past, st))
	if got.span.Live {
		versus, versusRan := diagnose.BreakerVersusKafka(v)
		a.Findings, ran = slices.Concat(a.Findings, kafka, versus), slices.Concat(ran, kafkaRan, diagnose.OverTime(versusRan, past))
		doubts = append(doubts, v.Doubts()...)
		if !c.Settled {
			doubts = append(doubts, "whether Kafka works is not known")
		}
	} else {
		a.Findings = inThePast(a.Findings, diagnose.WasOpenAround(past, st))
		doubts = append(doubts, diagnose.Doubts(st)...)
	}
	a.Findings, a.Because = brief("diagnose_circuit_breaker", a.Findings), strings.Join(doubts, "; ")
	for _, i := range got.api {
		a.Sources = append(a.Sources, i.Source)
	}
	a.Sources = append(a.Sources, got.facts.Source)
	a.Sources = append(a.Sources, kafkaSources(got.kafka.Cluster, nil)...)
	var causes []diagnose.Cause
	if found && !has(a.Findings, catalog.IngestDown) {
		causes = diagnose.Causes(c)
	}
	if slices.ContainsFunc(a.Findings, func(f report.Finding) bool { return f.Kind == catalog.Cause && f.Verdict == catalog.CriticalVerdict }) {
		causes = causes[:min(len(causes), 1)]
	}
	a.Data, a.AsOf = diagnoseData(got, st, past, c, causes), momentOf(got, st)
	a.Coverage = diagnoseCoverage(got, len(a.Data.Timeline), len(diagnose.Timeline(past)))
	a.Conclude(causesOnly(ran)...)
	a.Summary = diagnoseSummary(got, st, past, c, a.Findings, causes)
	report.Shorten(&a, diagnoseParts(&a, len(diagnose.Timeline(past)))...)
	return a, nil
}

// diagnoseParts are what the facts can do without, the least telling first.
func diagnoseParts(a *report.Answer[DiagnoseData], events int) []report.Extra {
	d := &a.Data
	later := report.Extra{Name: "events", Drop: func() bool {
		if len(d.Timeline) <= 1 {
			return false
		}
		d.Timeline = d.Timeline[:len(d.Timeline)-1]
		a.Coverage.Cut, a.Coverage.More = true, moreEvents(len(d.Timeline), events)
		return true
	}}
	worst := func(a, b StateRow) int {
		return -cmp.Compare(slices.Index(worstFirst, a.State), slices.Index(worstFirst, b.State))
	}
	return slices.Concat([]report.Extra{
		report.Last("numbers of the time before", &d.Around, 2), report.RuledOut(a), report.Last("less likely causes", &d.Causes, 1), later,
		report.Last("numbers of the time before", &d.Around, 0),
	}, report.Wordy(a.Findings), []report.Extra{report.Least("states", &d.States, 1, worst), report.Last("causes", &d.Causes, 0)}, report.Bare(a.Findings))
}

// moreEvents says where those are that are not told.
func moreEvents(told, all int) string {
	return fmt.Sprintf("%d of %d events are told; analyze_failure_pattern has all", told, all)
}

// examine asks Prometheus for the time, and for the breakers at the moment of it
// that matters.
func (s Sources) examine(ctx context.Context, q question) (got sight, at time.Time, err error) {
	if !q.moment {
		got, err = s.look(ctx, q.spec, 0)
		if err != nil || got.span.Live || !got.past.Source.OK() {
			return got, at, err
		}
		return s.atWorst(ctx, got, q, got.span.Until), at, nil
	}
	start := time.Now()
	got.clock = s.Prometheus.Clock(ctx)
	now := got.clock.At
	if now.IsZero() {
		now = time.Now() // Prometheus did not answer: this is only shown
	}
	at, notes, err := q.at.At(now, s.Zone)
	if err != nil {
		return got, at, invalidTime(err)
	}
	got.span = promql.Span{Since: at.Add(-around), Until: at.Add(around), Interval: got.clock.Interval, Before: true}
	if got.span.Until.After(now) {
		got.span.Until = now
	}
	// A moment that the next scrape has not come to yet is now.
	got.span.Live = now.Sub(at) <= max(got.clock.Interval, time.Second)
	got.rng = when.Range{Since: got.span.Since.In(s.Zone), Until: got.span.Until.In(s.Zone), Phrase: "around " + at.Format(time.RFC3339), Notes: notes}
	if got.clock.At.IsZero() {
		got.facts.Source, got.past.Source, got.past.Span = got.clock.Source, got.clock.Source, got.span
		return got, at, nil
	}
	if got.span.Live {
		fault.Together(
			func() { got.past = s.Prometheus.Past(ctx, got.span) },
			func() { got.facts = s.Prometheus.Breakers(ctx) },
		)
	} else {
		got.past = s.Prometheus.Past(ctx, got.span)
	}
	got.past = inZone(got.past, s.Zone)
	if !got.span.Live {
		got = s.atWorst(ctx, got, q, at)
	}
	if got.facts.Source.OK() && !got.past.Source.OK() {
		got.facts.Source = got.past.Source
	}
	got.facts.Source.Took = time.Since(start)
	return got, at, nil
}

// atWorst asks for the breakers at the moment of a time that matters: while one of those
// asked about was not CLOSED, the nearest to the one asked about; else then.
func (s Sources) atWorst(ctx context.Context, got sight, q question, asked time.Time) sight {
	moment := asked
	var nearest *diagnose.Episode
	for _, e := range diagnose.Episodes(got.past) {
		if q.breaker != "" && e.Breaker != q.breaker {
			continue
		}
		if nearest == nil || distance(e, asked) < distance(*nearest, asked) {
			nearest = &e
		}
	}
	if nearest != nil {
		moment = openIn(got.past, *nearest)
	}
	took := got.facts.Source.Took
	got.facts = s.Prometheus.BreakersAt(ctx, moment)
	got.facts.Source.Took += took
	return got
}

func distance(e diagnose.Episode, at time.Time) time.Duration {
	switch {
	case at.Before(e.From):
		return e.From.Sub(at)
	case at.After(e.To):
		return at.Sub(e.To)
	}
	return 0
}

// openIn is the last scrape at which the breaker of an episode was in the worst state of it.
func openIn(p promql.Past, e diagnose.Episode) time.Time {
	for _, i := range p.Instances {
		for _, b := range i.Breakers {
			if i.Name.String() != e.Instance || b.Name.String() != e.Breaker {
				continue
			}
			for _, s := range slices.Backward(b.Stays) {
				if s.State == e.Worst && !s.First.Before(e.From) && !s.Last.After(e.To) {
					return s.Last
				}
			}
		}
	}
	return e.From
}

// inThePast tells of what is over in the past tense: a breaker that was open at the
// moment, and no longer at the end of the time, is not told of twice.
func inThePast(found, over []report.Finding) []report.Finding {
	found = slices.DeleteFunc(slices.Clone(found), func(f report.Finding) bool { return has(over, f.Code) })
	return append(found, over...)
}

func has(found []report.Finding, code catalog.Code) bool {
	return slices.ContainsFunc(found, func(f report.Finding) bool { return f.Code == code })
}

// momentOf is the clock that the findings are of.
func momentOf(got examined, st diagnose.Status) time.Time {
	if !got.facts.At.IsZero() {
		return got.facts.At.In(got.past.Until.Location())
	}
	return asOf(st)
}

func diagnoseCircuitBreaker(s Sources) tool.Tool {
	return tool.Read(tool.Spec{
		Name:  "diagnose_circuit_breaker",
		Title: "Why a circuit breaker opened",
		Description: "Why did the breaker open, now or at 2 pm? The timeline of its changes, what failed around it, what was restarted, Kafka's own answer at present, and causes ranked with what speaks for and against each and the one probe that tells them apart. " +
			"Reach for it when a breaker is or was not CLOSED, or when events or authorizations fail although it is. " +
			"Of the past it knows what Prometheus scraped; consumer lag is check_kafka_health's, the outbox check_outbox_status's.",
		Examples: []string{`{}`, `{"at":"14:00"}`, `{"at":"yesterday 2pm","breaker":"kafka-publisher"}`, `{"time_range":"3h"}`},
	}, s.diagnose)
}
