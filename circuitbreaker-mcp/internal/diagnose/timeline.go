package diagnose

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/promql"
)

// Event is something that happened in a time, as scrapes saw it.
type Event struct {
	At   time.Time
	Kind EventKind
	What string
}

// EventKind says what an event is.
type EventKind string

// The kinds of events.
const (
	StateEvent  EventKind = "state"    // a breaker changed
	ChangeEvent EventKind = "changed"  // something was started
	ErrorEvent  EventKind = "errors"   // requests began or ceased to fail
	UnseenEvent EventKind = "not seen" // no scrape worked
)

// Timeline is what happened in a time, in its order. What several instances did
// within two scrapes is one event.
func Timeline(p promql.Past) (all []Event) {
	type group struct {
		event     Event
		instances []string
		breaker   string
	}
	var groups []group
	for _, t := range Transitions(p) {
		what := t.From + " -> " + t.To
		n := slices.IndexFunc(groups, func(g group) bool {
			return g.breaker == t.Breaker && g.event.What == what && t.At.Sub(g.event.At) <= 2*p.Interval && !slices.Contains(g.instances, t.Instance)
		})
		if n >= 0 {
			groups[n].instances = append(groups[n].instances, t.Instance)
		} else {
			groups = append(groups, group{Event{t.At, StateEvent, what}, []string{t.Instance}, t.Breaker})
		}
	}
	for n := 0; n < len(groups); n++ {
		g := groups[n]
		on := Name(g.instances[0])
		if len(g.instances) > 1 {
			on = fmt.Sprintf("%d instances", len(g.instances))
		}
		// To and fro between OPEN and HALF_OPEN goes by a timer: it is told once.
		last := n
		for last+1 < len(groups) && groups[last+1].breaker == g.breaker && swing(g.event.What) && swing(groups[last+1].event.What) {
			last++
		}
		if last-n >= 2 {
			all = append(all, Event{g.event.At, StateEvent, fmt.Sprintf("%s OPEN <-> HALF_OPEN, %d changes until %s, on %s", Name(g.breaker), last-n+1, groups[last].event.At.Format(time.TimeOnly), on)})
			n = last
			continue
		}
		all = append(all, Event{g.event.At, StateEvent, fmt.Sprintf("%s %s on %s", Name(g.breaker), g.event.What, on)})
	}
	all = append(all, starts(p)...)
	all = append(all, bursts(p)...)
	all = append(all, unseenTimes(p)...)
	slices.SortStableFunc(all, func(a, b Event) int { return a.At.Compare(b.At) })
	return all
}

// starts are the processes that were started, those of a job within a minute
// together.
func starts(p promql.Past) (all []Event) {
	type start struct {
		at        time.Time
		job       string
		instances []string
	}
	var list []start
	for _, s := range slices.Backward(p.Starts) { // the oldest first
		job, instance := s.Job.String(), Name(s.Instance.String())
		n := slices.IndexFunc(list, func(o start) bool { return o.job == job && s.At.Sub(o.at) <= time.Minute })
		if n < 0 {
			list = append(list, start{s.At, job, []string{instance}})
		} else {
			list[n].instances = append(list[n].instances, instance)
		}
	}
	for _, s := range list {
		all = append(all, Event{s.at, ChangeEvent, Name(s.job) + " started: " + someOf(s.instances)})
	}
	return all
}

// unseenTimes are the times in which instances were not scraped, those that begin
// at about the same moment together.
func unseenTimes(p promql.Past) (all []Event) {
	type gap struct {
		from, to  time.Time
		why       string
		instances []string
	}
	var list []gap
	add := func(i promql.PastInstance, from, to time.Time, why string) {
		n := slices.IndexFunc(list, func(g gap) bool { return g.why == why && from.Sub(g.from).Abs() <= 2*max(i.Interval, time.Second) })
		if n < 0 {
			list = append(list, gap{from, to, why, []string{Name(i.Name.String())}})
			return
		}
		list[n].instances = append(list[n].instances, Name(i.Name.String()))
		if to.After(list[n].to) {
			list[n].to = to
		}
	}
	for _, i := range p.Instances {
		for _, g := range i.Gaps {
			why := "no scrape"
			if g.Failed > 0 {
				why = "scrapes failed"
			}
			add(i, g.From, g.To, why)
		}
	}
	for _, g := range list {
		all = append(all, Event{g.from, UnseenEvent, fmt.Sprintf("until %s: %s of %s", g.to.Format(time.TimeOnly), g.why, someOf(g.instances))})
	}
	return all
}

// someOf names instances, or counts them.
func someOf(instances []string) string {
	if len(instances) == 1 {
		return instances[0]
	}
	return fmt.Sprintf("%d instances", len(instances))
}

// swing reports whether a change is between OPEN and HALF_OPEN.
func swing(change string) bool {
	return change == "OPEN -> HALF_OPEN" || change == "HALF_OPEN -> OPEN"
}

// bursts are the times in which more requests failed than should.
func bursts(p promql.Past) (all []Event) {
	for _, of := range []struct {
		line  promql.LineName
		name  string
		limit float64
	}{{promql.Line5xx, "5xx", share5xx}, {promql.Line409, "409", unknown409}, {promql.Line429, "429", share429}} {
		part, whole := lineOf(p, of.line, ""), lineOf(p, promql.LineRequests, "")
		if part == nil || whole == nil {
			continue
		}
		var from, to time.Time
		peak := 0.0
		flush := func() {
			if !from.IsZero() {
				all = append(all, Event{from, ErrorEvent, fmt.Sprintf("%s of requests answered %s at most, until %s", percentOf(peak), of.name, to.Format(time.TimeOnly))})
			}
			from, peak = time.Time{}, 0
		}
		for i, x := range whole.Points {
			n := valueOf(x)
			share := 0.0
			if n > 0 {
				share = valueOf(part.Points[i]) / n
			}
			if share < of.limit || n*p.Step.Seconds() < minRequests/2 {
				flush()
				continue
			}
			if from.IsZero() {
				from = x.At.Add(-p.Step)
			}
			to, peak = x.At, max(peak, share)
		}
		flush()
	}
	return all
}

func percentOf(share float64) string { return number(100*share) + "%" }

// Nearest keeps the events around a moment when there are too many, and says how
// many are left out.
func Nearest(all []Event, moment time.Time, most int) (kept []Event, left int) {
	if len(all) <= most {
		return all, 0
	}
	order := slices.Clone(all)
	slices.SortStableFunc(order, func(a, b Event) int {
		return cmp.Compare(a.At.Sub(moment).Abs(), b.At.Sub(moment).Abs())
	})
	kept = order[:most]
	slices.SortStableFunc(kept, func(a, b Event) int { return a.At.Compare(b.At) })
	return kept, len(all) - most
}
