package tools

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/diagnose"
	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
)

func diagnoseData(got examined, st diagnose.Status, p promql.Past, c diagnose.Case, causes []diagnose.Cause) DiagnoseData {
	d := DiagnoseData{Kafka: kafkaLine(got, c)}
	if at := momentOf(got, st); !got.span.Live && !at.IsZero() {
		d.Moment = at.Format(time.RFC3339)
	}
	d.States = stateRows(st)
	for _, x := range causes[:min(len(causes), maxCauses)] {
		d.Causes = append(d.Causes, CauseRow{x.What, strings.Join(x.For, "; "), strings.Join(x.Against, "; "), x.Probe})
	}
	moment := c.Begun
	if moment.IsZero() {
		moment = p.Until
	}
	events, _ := diagnose.Nearest(diagnose.Timeline(p), moment, maxEvents)
	for _, e := range events {
		d.Timeline = append(d.Timeline, EventRow{e.At.Truncate(time.Second), string(e.Kind), e.What})
	}
	if p.Source.OK() {
		d.Around = aroundRows(p)
	}
	return d
}

// stateRows are the states at the moment, instances with the same state together.
func stateRows(st diagnose.Status) (rows []StateRow) {
	for _, name := range st.Breakers() {
		readings := readingsOf(st, name)
		for _, state := range knownFirst {
			some := slices.DeleteFunc(slices.Clone(readings), func(r diagnose.Reading) bool { return stateOf(r) != state })
			if len(some) == 0 {
				continue
			}
			row := StateRow{Breaker: foreign.Text(name), State: state, On: diagnose.Where(some, readings)}
			if at, note := some[0].Since(); state != "CLOSED" && state != unknownState {
				row.Since = note
				if !at.IsZero() {
					row.Since = at.Format(time.RFC3339) + " " + note
				}
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// kafkaLine is Kafka's own answer, which is of the present whatever was asked.
func kafkaLine(got examined, c diagnose.Case) string {
	var text string
	switch {
	case !got.kafka.Source.OK() && !c.Settled:
		text = "not known: " + string(got.kafka.Source.Err.Class)
	case !got.kafka.Source.OK():
		text = "no broker answers (" + string(got.kafka.Source.Err.Class) + ")"
	default:
		text = aliveWords(got.kafka.Cluster)
		var codes []string
		for _, f := range c.Kafka {
			if !slices.Contains(codes, string(f.Code)) {
				codes = append(codes, string(f.Code))
			}
		}
		if len(codes) > 0 {
			text += "; " + strings.Join(codes, ", ")
		} else {
			text += "; required topics and leaders are there"
		}
	}
	if !got.span.Live {
		text += " (at present; of the past it keeps no record)"
	}
	return text
}

func aroundRows(p promql.Past) (rows []AroundRow) {
	add := func(what string, now, before float64, is func(float64) string) {
		if math.Round(now) > 0 || math.Round(before) > 0 {
			rows = append(rows, AroundRow{what, is(now), is(before)})
		}
	}
	statuses := map[string][2]float64{}
	var all [2]float64
	for _, r := range p.HTTP.Routes {
		for i, by := range []map[string]float64{r.Status, r.Before} {
			for status, n := range by {
				all[i] += n
				name := ""
				switch {
				case strings.HasPrefix(status, "5"):
					name = "5xx"
				case status == "409", status == "429":
					name = status
				}
				both := statuses[name]
				both[i] += n
				statuses[name] = both
			}
		}
	}
	add("payment requests", all[0], all[1], whole)
	for _, name := range []string{"5xx", "409", "429"} {
		both := statuses[name]
		if math.Round(both[0]) > 0 || math.Round(both[1]) > 0 {
			rows = append(rows, AroundRow{"answered " + name, whole(both[0]) + partOf(both[0], all[0]), whole(both[1]) + partOf(both[1], all[1])})
		}
	}
	for _, r := range p.HTTP.Routes {
		if r.P95 != nil && strings.HasSuffix(r.URI.String(), "/authorize") {
			before := "not known"
			if r.P95Before != nil {
				before = seconds(*r.P95Before)
			}
			rows = append(rows, AroundRow{"authorize p95", seconds(*r.P95), before})
		}
	}
	for _, name := range breakersIn(p) {
		var failed, before, turned float64
		for _, i := range p.Instances {
			for _, b := range i.Breakers {
				if b.Name.String() == name {
					failed, before, turned = failed+orZero(b.Failed), before+orZero(b.FailedBefore), turned+orZero(b.NotPermitted)
				}
			}
		}
		add(diagnose.Name(name)+" calls failed", failed, before, whole)
		if math.Round(turned) > 0 {
			rows = append(rows, AroundRow{diagnose.Name(name) + " calls turned away", whole(turned), "not asked"})
		}
	}
	for _, e := range p.Errors[:min(len(p.Errors), maxCauses)] {
		what := diagnose.Name(e.Job.String()) + " " + kinds[e.Kind]
		if e.Exception != "" {
			what += " (" + diagnose.Name(e.Exception.String()) + ")"
		}
		add(what, e.Count, e.Before, whole)
	}
	return rows[:min(len(rows), maxAround)]
}

func partOf(part, all float64) string {
	if all < 1 {
		return ""
	}
	return " (" + share(part, all) + ")"
}

func seconds(v float64) string { return fmt.Sprintf("%.2gs", v) }

func orZero(v *float64) float64 {
	if v == nil {
		return 0
	}
	return *v
}

func diagnoseCoverage(got examined, told, events int) report.Coverage {
	c := report.Coverage{Window: got.rng.String()}
	answered := 0
	for _, i := range got.api {
		if i.Source.OK() {
			answered++
		}
	}
	if got.span.Live {
		c.Looked = append(c.Looked, fmt.Sprintf("%d of %d API addresses", answered, len(got.api)))
	} else {
		c.Not = append(c.Not, "the instances themselves, which tell only of now")
	}
	if !got.facts.Source.OK() {
		c.Not = append(c.Not, "Prometheus, in whole or in part: history is not known")
	} else if got.past.Interval > 0 {
		c.Looked = append(c.Looked, fmt.Sprintf("%d instances, scraped every %s", len(got.past.Instances), got.past.Interval))
	}
	c.Not = append(c.Not, "Kafka's consumer groups (check_kafka_health)")
	if told < events {
		c.Cut, c.More = true, moreEvents(told, events)
	}
	return c
}

// statesOf says what moment the states are of: the one that matters most need not be the
// end of the time.
func statesOf(got examined, st diagnose.Status, length string) string {
	at := momentOf(got, st)
	if at.IsZero() || !at.Before(got.past.Until) {
		return atTheEnd(length)
	}
	layout := time.TimeOnly
	if got.rng.Duration() >= 12*time.Hour {
		layout = time.DateTime
	}
	return "at " + at.Format(layout)
}

// diagnoseSummary is the line to read out: the state, and what explains it.
func diagnoseSummary(got examined, st diagnose.Status, p promql.Past, c diagnose.Case, found []report.Finding, causes []diagnose.Cause) string {
	length := lengthOf(got.rng.Duration().Round(time.Minute))
	text := patternSummary(st, p, statesOf(got, st, length), length)
	if got.span.Live {
		text = strings.Replace(summary(st, found), " - ", " now - ", 1)
	} else if n := strings.LastIndex(text, "; "); n > 0 && p.Source.OK() {
		text = text[:n] // the traffic stands in the facts
	}
	for _, f := range found {
		if f.Code == catalog.KafkaProduceUnauthorized && len(diagnose.IngestRefused(p)) == 0 {
			continue // a worker's, and no breaker is around that
		}
		if f.Kind == catalog.Cause && f.Severity.Rank() <= catalog.High.Rank() {
			return text + ". Cause: " + string(f.Code)
		}
	}
	switch {
	case len(causes) == 0:
		return text
	case got.span.Live && speaking(st.Readings) == "CLOSED":
		return fmt.Sprintf("%s. %s was not CLOSED from %s, likeliest: %s", text, diagnose.Name(c.Breaker), c.Begun.Format(time.TimeOnly), causes[0].What)
	}
	return text + ". Likeliest: " + causes[0].What
}
