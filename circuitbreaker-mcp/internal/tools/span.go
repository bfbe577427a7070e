package tools

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/when"
)

// maxSpan is the longest time that every scrape is looked at of.
const maxSpan = 7 * 24 * time.Hour

// readTime reads the time arguments; what was not given is the fallback.
func readTime(a when.Args, fallback string) (when.Spec, error) {
	if a == (when.Args{}) {
		a.TimeRange = fallback
	}
	spec, err := when.Parse(a)
	if err != nil {
		return spec, invalidTime(err)
	}
	if spec.IsAll() {
		return spec, fault.Invalidf("time_range: want a time of at most %s, not all of it", lengthOf(maxSpan))
	}
	return spec, nil
}

// invalidTime refuses a time and says how it can be said.
func invalidTime(err error) error {
	forms := when.Forms
	if e, ok := errors.AsType[*when.Error](err); ok && e.Field != "" && e.Field != "time_range" {
		forms = when.MomentForms
	}
	if strings.Contains(err.Error(), forms) {
		return fault.Invalidf("%w", err)
	}
	return fault.New(fault.Invalid, "It can be said as "+forms, "%w", err)
}

// spanOf resolves a time by Prometheus' clock.
func (s Sources) spanOf(spec when.Spec, clock promql.Clock) (promql.Span, when.Range, error) {
	now := clock.At
	if now.IsZero() {
		now = time.Now() // Prometheus did not answer: this is only shown
	}
	r, err := spec.At(now, s.Zone)
	if err != nil {
		return promql.Span{}, r, invalidTime(err)
	}
	span := promql.Span{Since: r.Since, Until: r.Until, Interval: clock.Interval}
	// The range ends with the second that now is in.
	if !span.Until.Before(now) {
		span.Until, span.Live = now, true
	}
	if length := span.Until.Sub(span.Since); length > maxSpan {
		return span, r, fault.New(fault.Invalid, "Ask for a shorter time, or several one after the other",
			"time_range: %s is too long, every scrape of at most %s is looked at", lengthOf(length), lengthOf(maxSpan))
	}
	return span, r, nil
}

// lengthOf writes a length of time as it can be asked for.
func lengthOf(d time.Duration) string {
	switch {
	case d >= 48*time.Hour && d%(24*time.Hour) == 0:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	case d >= time.Hour && d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d >= time.Minute && d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return d.Round(time.Second).String()
}

// sight is what Prometheus gave of a time: the breakers at its end, and the time.
type sight struct {
	clock promql.Clock
	facts promql.Facts
	past  promql.Past
	span  promql.Span
	rng   when.Range
}

// look asks Prometheus for its clock, then side by side for a time and for the
// breakers at its end. The source of the facts has the failure of any of them.
func (s Sources) look(ctx context.Context, spec when.Spec, points int) (sight, error) {
	start := time.Now()
	var got sight
	got.clock = s.Prometheus.Clock(ctx)
	var err error
	if got.span, got.rng, err = s.spanOf(spec, got.clock); err != nil {
		return got, err
	}
	got.span.Points, got.span.Before = points, true
	if got.clock.At.IsZero() {
		// Prometheus is not there: nothing that follows would be answered.
		got.facts.Source, got.past.Source, got.past.Span = got.clock.Source, got.clock.Source, got.span
		return got, nil
	}
	at := got.span.Until
	if got.span.Live {
		at = time.Time{}
	}
	fault.Together(
		func() { got.past = s.Prometheus.Past(ctx, got.span) },
		func() { got.facts = s.Prometheus.BreakersAt(ctx, at) },
	)
	if got.facts.Source.OK() && !got.past.Source.OK() {
		got.facts.Source = got.past.Source
	}
	got.facts.Source.Took = time.Since(start)
	got.past = inZone(got.past, s.Zone)
	return got, nil
}

// inZone returns a past with the times that are shown in a zone.
func inZone(p promql.Past, zone *time.Location) promql.Past {
	p.Since, p.Until, p.At = p.Since.In(zone), p.Until.In(zone), p.At.In(zone)
	for i := range p.Instances {
		in := &p.Instances[i]
		for g := range in.Gaps {
			in.Gaps[g].From, in.Gaps[g].To = in.Gaps[g].From.In(zone), in.Gaps[g].To.In(zone)
		}
		for b := range in.Breakers {
			for n := range in.Breakers[b].Stays {
				st := &in.Breakers[b].Stays[n]
				st.First, st.Last = st.First.In(zone), st.Last.In(zone)
			}
		}
	}
	for i := range p.Starts {
		p.Starts[i].At = p.Starts[i].At.In(zone)
	}
	for l := range p.Lines {
		for i := range p.Lines[l].Points {
			p.Lines[l].Points[i].At = p.Lines[l].Points[i].At.In(zone)
		}
	}
	return p
}
