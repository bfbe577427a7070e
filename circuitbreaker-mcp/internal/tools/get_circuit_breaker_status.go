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
	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
	"payops-mcp/shared/tool"
)

// StatusIn are the arguments of get_circuit_breaker_status.
type StatusIn struct {
	Breaker  string `json:"breaker,omitempty" jsonschema:"one breaker, e.g. kafka-publisher or pg-auth-api; default all" min:"1" max:"100"`
	Instance string `json:"instance,omitempty" jsonschema:"one ingest instance: host:port as in API_BASE_URL, or Prometheus' instance label; default all" min:"1" max:"200"`
}

// StatusData is what get_circuit_breaker_status answers.
type StatusData struct {
	Breakers     []BreakerRow  `json:"breakers"`
	Meaning      []string      `json:"meaning,omitempty"`
	Settings     []SettingsRow `json:"settings,omitempty"`
	SettingsFrom string        `json:"settings_from,omitempty"`
}

// BreakerRow is one breaker of one instance. Counts are calls in its window.
type BreakerRow struct {
	Breaker      foreign.Text  `json:"breaker"`
	Instance     foreign.Text  `json:"instance"`
	Label        *foreign.Text `json:"prometheus_instance"` // where it is another name
	State        *string       `json:"state"`
	Unknown      string        `json:"state_unknown,omitempty"` // why State is null
	Source       string        `json:"source"`
	Age          *float64      `json:"age_s"` // of the scrape that State is from; null when it is from the API, now
	Disagrees    string        `json:"prometheus_says,omitempty"`
	Since        *time.Time    `json:"since"`
	SinceNote    string        `json:"since_note"`
	Buffered     *int          `json:"buffered"`
	Failed       *int          `json:"failed"`
	Slow         *int          `json:"slow"`
	NotPermitted *int          `json:"not_permitted"` // since the last change of state
	FailureRate  *float64      `json:"failure_rate_pct"`
	SlowCallRate *float64      `json:"slow_call_rate_pct"`
	RateNote     string        `json:"rate_note,omitempty"` // why the rates are null
}

// SettingsRow is what a breaker is judged by.
type SettingsRow struct {
	Breaker       string `json:"breaker"`
	FailureRate   int    `json:"opens_at_failure_pct"`
	SlowCallRate  int    `json:"or_slow_pct"`
	SlowCall      string `json:"slow_over"`
	WaitOpen      string `json:"open_for"`
	HalfOpenCalls int    `json:"trial_calls"`
	MinimumCalls  int    `json:"min_calls"`
	Window        int    `json:"window_calls"`
}

func (s Sources) status(ctx context.Context, in StatusIn) (report.Answer[StatusData], error) {
	sources, cancel := sourceContext(ctx)
	defer cancel()
	var only []string // an instance that hangs must not hold up the question for another
	if slices.Contains(s.Ingest.Instances(), in.Instance) {
		only = []string{in.Instance}
	}
	var api []ingest.Instance
	var prom promql.Facts
	fault.Together(
		func() { api = s.Ingest.Breakers(sources, only...) },
		func() { prom = s.Prometheus.Breakers(sources) },
	)
	if err := ctx.Err(); err != nil {
		return report.Answer[StatusData]{}, err
	}

	all := diagnose.Join(api, prom, s.Zone)
	if err := known(all, in); err != nil {
		return report.Answer[StatusData]{}, err
	}
	st := all.Select(in.Breaker, in.Instance)
	found, ran := diagnose.Breakers(st)
	a := report.Answer[StatusData]{
		Summary: summary(st, found), Findings: lean(found), Because: strings.Join(diagnose.Doubts(st), "; "),
		Coverage: statusCoverage(st), Data: statusData(st), AsOf: asOf(st),
	}
	for _, i := range st.API {
		a.Sources = append(a.Sources, i.Source)
	}
	a.Sources = append(a.Sources, st.Prom.Source)
	a.Conclude(ran...)
	report.Shorten(&a, statusParts(&a)...)
	return a, nil
}

// statusParts are what the facts can do without, the least telling first. What breakers
// that are CLOSED have in common stands in the summary.
func statusParts(a *report.Answer[StatusData]) []report.Extra {
	d := &a.Data
	worst := func(a, b BreakerRow) int {
		return -cmp.Compare(slices.Index(worstFirst, rowState(a)), slices.Index(worstFirst, rowState(b)))
	}
	return slices.Concat([]report.Extra{
		{Name: "settings", Drop: func() bool {
			some := len(d.Settings) > 0
			d.Settings, d.SettingsFrom = nil, ""
			return some
		}},
		report.RuledOut(a),
	}, report.Wordy(a.Findings), []report.Extra{
		report.Least("breakers of some instances (ask for one by instance)", &d.Breakers, 2, worst), report.Last("what states mean", &d.Meaning, 0),
	}, report.Bare(a.Findings))
}

func rowState(r BreakerRow) string {
	if r.State == nil {
		return unknownState
	}
	return *r.State
}

// known refuses names that do not exist. Prometheus alone knows all there are:
// while it is silent the answer says that nothing shows the name.
func known(s diagnose.Status, in StatusIn) error {
	if !s.Prom.Source.OK() || len(s.Prom.Instances) == 0 {
		return nil
	}
	breakers := s.Breakers()
	if _, ours := diagnose.SettingsOf(in.Breaker); in.Breaker != "" && !ours && !slices.Contains(breakers, in.Breaker) {
		return fault.New(fault.NotFound, "", "there is no breaker %s; there are %s", foreign.Text(in.Breaker).Quoted(), list(breakers))
	}
	if instances := s.Instances(); in.Instance != "" && !slices.Contains(instances, in.Instance) {
		return fault.New(fault.NotFound, "", "there is no ingest instance %s; there are %s", foreign.Text(in.Instance).Quoted(), list(instances))
	}
	return nil
}

// list quotes names of other systems.
func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = foreign.Text(n).Quoted()
	}
	return strings.Join(quoted, ", ")
}

// asOf is Prometheus' clock, which all the times in the answer come from; without
// it, that of the instance.
func asOf(s diagnose.Status) time.Time {
	if !s.Prom.At.IsZero() {
		return s.Prom.At
	}
	for _, i := range s.API {
		if !i.Date.IsZero() {
			return i.Date
		}
	}
	return time.Time{}
}

func statusData(s diagnose.Status) StatusData {
	var d StatusData
	for _, r := range s.Readings {
		d.Breakers = append(d.Breakers, breakerRow(r))
	}
	if closed, halfOpen := stands(s, "CLOSED"), stands(s, "HALF_OPEN"); closed || halfOpen {
		if closed {
			d.Meaning = append(d.Meaning, "CLOSED is no evidence that Kafka works (a send can fail before the breaker counts it): check_kafka_health asks Kafka")
		}
		if halfOpen {
			d.Meaning = append(d.Meaning, "HALF_OPEN is no recovery: a timer sets it")
		}
	}
	for _, name := range s.Breakers() {
		known := slices.ContainsFunc(s.Readings, func(r diagnose.Reading) bool { return r.Breaker == name && r.State != "" })
		if c, ok := diagnose.SettingsOf(name); ok && known { // there is nothing to judge by them else
			d.Settings = append(d.Settings, SettingsRow{c.Breaker, c.FailureRate, c.SlowCallRate, c.SlowCall.String(), c.WaitOpen.String(), c.HalfOpenCalls, c.MinimumCalls, c.Window})
		}
	}
	if len(d.Settings) > 0 {
		d.SettingsFrom = "the repository's defaults; a running instance does not show its own"
	}
	return d
}

// stands reports whether the breaker around Kafka is in a state anywhere.
func stands(s diagnose.Status, state string) bool {
	return slices.ContainsFunc(s.Readings, func(r diagnose.Reading) bool {
		return r.Breaker == diagnose.KafkaPublisher && r.State == state
	})
}

func breakerRow(r diagnose.Reading) BreakerRow {
	row := BreakerRow{Breaker: foreign.Text(r.Breaker), Instance: foreign.Text(r.Instance), Unknown: r.Unknown, Disagrees: r.Disagrees(),
		Buffered: r.Buffered(), FailureRate: r.FailureRate(), SlowCallRate: r.SlowCallRate(), RateNote: r.RateNote()}
	if r.Label != "" && r.Label != r.Instance {
		label := foreign.Text(r.Label)
		row.Label = &label
	}
	if r.State != "" {
		row.State = &r.State
	}
	since, note := r.Since()
	row.SinceNote = note
	if !since.IsZero() {
		since = since.Truncate(time.Second)
		row.Since = &since
	}
	row.Source = "none"
	switch fresh := r.Prom != nil && !r.Old; {
	case r.API != nil && fresh:
		row.Source = "api+prometheus"
	case r.API != nil:
		row.Source = "api"
	case r.Prom != nil:
		row.Source = "prometheus"
		age := float64(r.Age.Round(100*time.Millisecond).Milliseconds()) / 1000
		row.Age = &age
	}
	switch {
	case r.API != nil:
		row.Failed, row.Slow, row.NotPermitted = &r.API.Failed, &r.API.Slow, &r.API.NotPermitted
	case r.Prom != nil && !r.Old:
		row.Failed = r.Prom.Failed
		if a, b := r.Prom.SlowSuccessful, r.Prom.SlowFailed; a != nil && b != nil {
			slow := *a + *b
			row.Slow = &slow
		}
	}
	return row
}

func statusCoverage(s diagnose.Status) report.Coverage {
	var c report.Coverage
	answered := 0
	for _, i := range s.API {
		if !i.Source.OK() {
			c.Not = append(c.Not, "API of "+i.Name)
			continue
		}
		answered++
		switch {
		case i.Gateway():
			c.Looked = append(c.Looked, i.Name+": "+i.Path+", one instance of the gateway's choice")
		case i.Monitoring():
			c.Looked = append(c.Looked, i.Name+": "+i.Path+", one instance of the monitoring service's choice")
		}
	}
	c.Looked = append(c.Looked, fmt.Sprintf("%d of %d API addresses", answered, len(s.API)))
	if !s.Prom.Source.OK() {
		c.Not = append(c.Not, "Prometheus, in whole or in part")
	}
	if n := len(s.Prom.Instances) - len(s.Gone); n > 0 {
		text := fmt.Sprintf("Prometheus' instances: %d", n)
		if every := s.Prom.Instances[0].Interval; every > 0 {
			text += ", scraped every " + every.String()
		}
		c.Looked = append(c.Looked, text)
	}
	for _, p := range s.Gone {
		c.Not = append(c.Not, fmt.Sprintf("%s: no longer scraped since %s", p.Name.Quoted(), p.UpAt.Format(time.RFC3339)))
	}
	if unmatched(s) {
		why := "the addresses differ"
		if !s.Prom.Targets {
			why += ", and Prometheus does not list what it scrapes"
		}
		c.Not = append(c.Not, "which API address is which Prometheus instance: "+why+", so both are shown")
	}
	return c
}

// unmatched reports whether instances of the API and of Prometheus stand side by
// side that may be the same.
func unmatched(s diagnose.Status) bool {
	var api, prom bool
	for _, r := range s.Readings {
		if r.Breaker == diagnose.KafkaPublisher {
			api, prom = api || r.Configured, prom || !r.Configured
		}
	}
	return api && prom
}

func getCircuitBreakerStatus(s Sources) tool.Tool {
	return tool.Read(tool.Spec{
		Name:  "get_circuit_breaker_status",
		Title: "Circuit breaker status",
		Description: "Is the breaker closed? The state, since when, counts and rates of every circuit breaker of every ingest instance " +
			"(kafka-publisher around events to Kafka, pg-auth-api around the payment gateway), live from the ingest API and as Prometheus sees them, side by side where instances disagree. " +
			"Ask it first when events, authorizations or Kafka are in doubt. " +
			"It does not ask Kafka itself: CLOSED is no proof that Kafka works, check_kafka_health is.",
		Examples: []string{`{}`, `{"breaker":"kafka-publisher"}`, `{"breaker":"pg-auth-api"}`},
	}, s.status)
}
