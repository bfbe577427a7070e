package tools

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"payops-mcp/circuitbreaker-mcp/internal/diagnose"
	"payops-mcp/circuitbreaker-mcp/internal/ingest"
	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/report"
	"payops-mcp/shared/tool"
	"payops-mcp/shared/when"
)

// StackIn has no arguments.
type StackIn struct{}

// StackData is what check_stack_health answers.
type StackData struct {
	Components []ComponentRow `json:"components"`
}

// ComponentRow is one part of the payment system, as far as this server sees it.
type ComponentRow struct {
	Component string `json:"component"`
	State     string `json:"state"` // ok, attention, critical, unknown
	Detail    string `json:"detail"`
}

// badness orders the states of components.
var badness = map[string]int{"ok": 0, "unknown": 1, "attention": 2, "critical": 3}

// stackWindow is the time that traffic and errors are looked at of.
const stackWindow = "15m"

// stackSeen is what everything asked said.
type stackSeen struct {
	sight
	targets []promql.Target
	scraped fault.Source
	api     []ingest.Instance
	health  []ingest.Health
	hidden  int // addresses behind which the health of ingest is not to be seen
	kafka   diagnose.Kafka
}

func (s Sources) stack(ctx context.Context, _ StackIn) (report.Answer[StackData], error) {
	var a report.Answer[StackData]
	spec, err := readTime(when.Args{}, stackWindow)
	if err != nil {
		return a, err
	}
	sources, cancel := sourceContext(ctx)
	defer cancel()
	var got stackSeen
	var wrong error
	fault.Together(
		func() { got.kafka = s.Kafka.Cluster(sources) },
		func() { got.api = s.Ingest.Breakers(sources) },
		func() { got.health = s.Ingest.Health(sources) },
		func() { got.targets, got.scraped = s.Prometheus.Targets(sources) },
		func() { got.sight, wrong = s.look(sources, spec, 0) },
	)
	switch {
	case wrong != nil:
		return a, wrong
	case ctx.Err() != nil:
		return a, ctx.Err()
	}
	got.health, got.hidden = ingest.OwnPages(got.health, got.api)
	got.kafka.At = s.inZone(got.kafka.At)
	if got.facts.Source.OK() && !got.scraped.OK() {
		got.facts.Source = got.scraped
	}

	kafka, kafkaRan := diagnose.KafkaFindings(got.kafka)
	settled := diagnose.KafkaSettled(got.kafka)
	v := diagnose.Versus{Status: diagnose.Join(got.api, got.facts, s.Zone).WithSpread(got.past), Kafka: slices.Concat(kafka, diagnose.IngestRefused(got.past)), Asked: settled}
	st := v.Explained()
	found, ran := diagnose.Breakers(st)
	inWindow, windowRan := diagnose.InWindow(got.past)
	versus, versusRan := diagnose.BreakerVersusKafka(v)
	found = slices.Concat(found, inWindow, kafka, versus, diagnose.Others(got.targets))
	doubts := slices.Concat(v.Doubts(), diagnose.TrafficDoubts(got.past), diagnose.HealthDoubts(got.health, got.api))
	doubts = append(doubts, diagnose.KafkaDoubts(got.kafka)...)
	if !settled {
		doubts = append(doubts, "whether Kafka works is not known")
	}
	a.Findings, a.Because = brief("check_stack_health", found), strings.Join(doubts, "; ")
	for _, i := range got.api {
		a.Sources = append(a.Sources, i.Source)
	}
	a.Sources = append(a.Sources, got.facts.Source)
	a.Sources = append(a.Sources, kafkaSources(got.kafka.Cluster, nil)...)
	a.Data.Components = components(got, st, found, versus)
	a.Coverage = stackCoverage(got, st)
	a.AsOf = asOf(st)
	a.Conclude(causesOnly(slices.Concat(ran, windowRan, kafkaRan, versusRan))...)
	a.Summary = stackSummary(a.Data.Components, a.Findings, a.Verdict, a.Because)
	if len(a.Findings) > manyFindings {
		a.Data.Components = wellTogether(a.Data.Components)
	}
	worst := func(a, b ComponentRow) int { return cmp.Compare(badness[a.State], badness[b.State]) }
	report.Shorten(&a, slices.Concat([]report.Extra{{Name: "components that are well, apart", Drop: func() bool {
		well := wellTogether(a.Data.Components)
		shorter := len(well) < len(a.Data.Components)
		a.Data.Components = well
		return shorter
	}}, report.RuledOut(&a)}, report.Wordy(a.Findings), report.Bare(a.Findings), []report.Extra{report.Least("components", &a.Data.Components, 1, worst)})...)
	return a, nil
}

// components is the table: one row a part, with the worst of what was found in it.
func components(got stackSeen, st diagnose.Status, found, versus []report.Finding) []ComponentRow {
	rows := []ComponentRow{ingestRow(got, found)}
	for _, name := range breakersOf(st) {
		readings, own := readingsOf(st, name), foundOf(st, name, versus)
		state := "unknown"
		switch speaking(readings) {
		case "CLOSED":
			state = worstOf(own, true, codesOf(own)...)
		case "OPEN", "FORCED_OPEN":
			state = "critical"
		case "HALF_OPEN", "DISABLED", "METRICS_ONLY":
			state = worse("attention", worstOf(own, true, codesOf(own)...))
		}
		rows = append(rows, ComponentRow{"breaker " + diagnose.Name(name), state, strings.TrimPrefix(part(name, readings, ""), diagnose.Name(name)+" ")})
	}
	rows = append(rows, kafkaRow(got, found), trafficRow(got, found), poolRow(got, found))
	return append(rows, targetRows(got)...)
}

// wellTogether makes one row of all that is well: beside many findings it is in the
// way.
func wellTogether(rows []ComponentRow) []ComponentRow {
	var well []string
	rows = slices.DeleteFunc(slices.Clone(rows), func(r ComponentRow) bool {
		if r.State == "ok" {
			well = append(well, r.Component)
		}
		return r.State == "ok"
	})
	if len(well) > 0 {
		rows = append(rows, ComponentRow{"all others", "ok", strings.Join(well, ", ")})
	}
	return rows
}

// worstOf is the state that findings of some codes come to; without one, ok if it
// was known.
func worstOf(found []report.Finding, known bool, codes ...catalog.Code) string {
	state := "ok"
	if !known {
		state = "unknown"
	}
	for _, f := range found {
		if !slices.Contains(codes, f.Code) {
			continue
		}
		switch f.Verdict {
		case catalog.CriticalVerdict:
			return "critical"
		case catalog.Attention:
			state = "attention"
		case catalog.Unknown, catalog.OK:
		}
	}
	return state
}

// foundOf are the findings about one breaker. Those of a look at Kafka beside it are
// about the one around Kafka.
func foundOf(st diagnose.Status, breaker string, versus []report.Finding) []report.Finding {
	own, _ := diagnose.Breakers(st.Select(breaker, ""))
	own = slices.DeleteFunc(own, func(f report.Finding) bool { return f.Kind == catalog.Source || f.Code == catalog.IngestDown })
	if breaker == diagnose.KafkaPublisher {
		own = append(own, versus...)
	}
	return own
}

func codesOf(found []report.Finding) (codes []catalog.Code) {
	for _, f := range found {
		codes = append(codes, f.Code)
	}
	return codes
}

func worse(a, b string) string {
	if badness[b] > badness[a] {
		return b
	}
	return a
}

func ingestRow(got stackSeen, found []report.Finding) ComponentRow {
	answered, up, known := 0, 0, 0
	var odd []string
	for _, i := range got.api {
		if i.Source.OK() {
			answered++
		}
	}
	for _, h := range got.health {
		switch {
		case h.Source.OK() && h.Status == "UP":
			up, known = up+1, known+1
		case h.Source.OK():
			odd = append(odd, diagnose.Name(h.Status.String()))
		case diagnose.HasNoHealth(h):
			known++
		}
	}
	row := ComponentRow{"ingest", worstOf(found, answered == len(got.api) && known == len(got.health), catalog.IngestDown),
		fmt.Sprintf("%d of %d answer", answered, len(got.api))}
	if len(got.health) > 0 {
		row.Detail += fmt.Sprintf(", %d say UP", up)
	}
	if len(odd) > 0 {
		row.Detail += "; " + strings.Join(odd, ", ") // who says so stands with the verdict
	}
	if silent := len(got.health) - known - len(odd); silent > 0 {
		row.Detail += fmt.Sprintf("; %d do not say", silent)
	}
	return row
}

func kafkaRow(got stackSeen, found []report.Finding) ComponentRow {
	var codes []catalog.Code
	for _, f := range found {
		if strings.HasPrefix(string(f.Code), "KAFKA_") {
			codes = append(codes, f.Code)
		}
	}
	row := ComponentRow{Component: "kafka", State: worstOf(found, got.kafka.Source.OK() && len(diagnose.KafkaDoubts(got.kafka)) == 0, codes...)}
	if got.kafka.Source.OK() {
		row.Detail = aliveWords(got.kafka.Cluster)
	} else {
		row.Detail = "no answer: " + string(got.kafka.Source.Err.Class)
	}
	return row
}

func trafficRow(got stackSeen, found []report.Finding) ComponentRow {
	h := got.past.HTTP
	row := ComponentRow{Component: "traffic", State: worstOf(found, got.past.Source.OK() && len(got.past.Instances) > 0 && len(diagnose.RequestDoubts(got.past)) == 0, catalog.Ingest5xxSpike, catalog.Ingest409Spike, catalog.Ingest429Spike, catalog.IngestLatencyHigh)}
	if !got.past.Source.OK() {
		row.Detail = "not known"
		return row
	}
	if len(got.past.Instances) == 0 {
		row.Detail = "not known: Prometheus has no series of ingest"
		return row
	}
	f := h.FiveMinutes
	row.Detail = fmt.Sprintf("%s payment requests in 5m", whole(f.All))
	if f.All >= 1 {
		row.Detail += fmt.Sprintf(", %s 5xx", share(f.S5xx, f.All))
	}
	if h.AuthorizeP95 != nil {
		row.Detail += ", authorize p95 " + seconds(*h.AuthorizeP95)
	}
	return row
}

func poolRow(got stackSeen, found []report.Finding) ComponentRow {
	row := ComponentRow{Component: "database pools", State: worstOf(found, got.past.Source.OK() && len(got.past.Pools) > 0, catalog.DBPoolExhausted)}
	var busiest promql.Pool
	use := -1.0
	for _, p := range got.past.Pools {
		if p.Active != nil && p.Max != nil && *p.Max > 0 && *p.Active / *p.Max > use {
			use, busiest = *p.Active / *p.Max, p
		}
	}
	row.Detail = fmt.Sprintf("%d pools", len(got.past.Pools))
	if use >= 0 {
		row.Detail += fmt.Sprintf(", busiest %s of %s: %.0f of %.0f in use", diagnose.Name(busiest.Name.String()), diagnose.Name(busiest.Instance.String()), *busiest.Active, *busiest.Max)
	}
	return row
}

// targetRows are the jobs that Prometheus scrapes: one row for all of them when they
// are well, else one each.
func targetRows(got stackSeen) (rows []ComponentRow) {
	if !got.scraped.OK() {
		return []ComponentRow{{"scrape targets", "unknown", "Prometheus did not answer"}}
	}
	type job struct {
		name       string
		up, all    int
		down, gone []string
	}
	var jobs []*job
	for _, t := range got.targets {
		n := slices.IndexFunc(jobs, func(j *job) bool { return j.name == t.Job.String() })
		if n < 0 {
			n, jobs = len(jobs), append(jobs, &job{name: t.Job.String()})
		}
		name := diagnose.Name(t.Instance.String())
		if t.Gone() {
			jobs[n].gone = append(jobs[n].gone, name)
			continue
		}
		jobs[n].all++
		if t.Up {
			jobs[n].up++
		} else {
			jobs[n].down = append(jobs[n].down, name)
		}
	}
	if n := len(jobs); n > 1 && !slices.ContainsFunc(jobs, func(j *job) bool { return j.up < j.all || len(j.gone) > 0 }) {
		all := 0
		for _, j := range jobs {
			all += j.all
		}
		return []ComponentRow{{"scrape targets", "ok", fmt.Sprintf("%d of %d of %d jobs up", all, all, n)}}
	}
	for _, j := range jobs {
		row := ComponentRow{"scrape of " + diagnose.Name(j.name), "ok", fmt.Sprintf("%d of %d up", j.up, j.all)}
		if j.up < j.all {
			row.State = "unknown"
			row.Detail += "; not " + strings.Join(j.down[:min(len(j.down), 4)], ", ")
		}
		if len(j.gone) > 0 {
			row.State = "unknown"
			row.Detail += "; no longer scraped: " + strings.Join(j.gone[:min(len(j.gone), 4)], ", ")
		}
		rows = append(rows, row)
	}
	if len(jobs) == 0 {
		rows = append(rows, ComponentRow{"scrape targets", "unknown", "Prometheus scrapes nothing"})
	}
	return rows
}

func stackCoverage(got stackSeen, st diagnose.Status) report.Coverage {
	c := report.Coverage{Window: got.rng.String(), Not: []string{"databases (check_database_health)", "Redis (cache_stats)", "consumer groups (check_kafka_health)"}}
	if len(got.targets) > 0 {
		jobs, scraped := map[string]bool{}, 0
		for _, t := range got.targets {
			if !t.Gone() {
				jobs[string(t.Job)] = true
				scraped++
			}
		}
		c.Looked = append(c.Looked, fmt.Sprintf("%d scrape targets of %d jobs", scraped, len(jobs)))
	}
	if got.hidden > 0 {
		c.Not = append(c.Not, "health of ingest: not visible through the gateway")
	}
	if n := len(st.Gone); n > 0 {
		var names []string
		for _, p := range st.Gone[:min(n, 4)] {
			names = append(names, diagnose.Name(p.Name.String()))
		}
		c.Not = append(c.Not, fmt.Sprintf("ingest %s, which Prometheus no longer scrapes", strings.Join(names, ", ")))
	}
	return c
}

// stackSummary is the line to read out: that all is well only where the verdict is.
func stackSummary(rows []ComponentRow, found []report.Finding, verdict catalog.Verdict, because string) string {
	count := map[string]int{}
	var bad []string
	for _, r := range rows {
		count[r.State]++
		if r.State != "ok" {
			bad = append(bad, r.Component+" "+r.State)
		}
	}
	if len(bad) == 0 {
		first, _, _ := strings.Cut(because, "; ")
		if len(found) > 0 {
			first = string(found[0].Code)
		}
		if verdict != catalog.OK && first != "" {
			return fmt.Sprintf("%d components look well, but: %s", len(rows), first)
		}
		return fmt.Sprintf("all %d components looked at are well", len(rows))
	}
	text := fmt.Sprintf("%d of %d components are well; %s", count["ok"], len(rows), strings.Join(bad, ", "))
	if len(found) > 0 && found[0].Kind == catalog.Cause && found[0].Verdict != catalog.Unknown {
		text += ". First cause: " + string(found[0].Code)
	}
	return text
}

func checkStackHealth(s Sources) tool.Tool {
	return tool.Read(tool.Spec{
		Name:  "check_stack_health",
		Title: "Whole stack at a glance",
		Description: "One look at all that this server can see: ingest instances and their own health page, circuit breakers, Kafka's brokers and topics, traffic and errors of the last 5 minutes, database pools, everything that Prometheus scrapes. A table and a verdict. " +
			"Ask it first when something is wrong and nobody knows where. " +
			"It does not look into the databases, Redis or consumer groups: check_database_health, cache_stats and check_kafka_health do.",
		Examples: []string{`{}`},
	}, s.stack)
}
