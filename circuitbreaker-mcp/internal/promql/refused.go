package promql

import (
	"context"
	"slices"
	"strings"
	"time"
)

// refusedQuery gives every scrape of how many sends of ingest Kafka refused, and how many
// it took.
const refusedQuery = `spring_kafka_template_seconds_count{job="ingest-service", exception=~"none|.*AuthorizationException"}[$W]`

// Refused reports whether Kafka did not let the sender write there.
func (e ErrorCount) Refused() bool {
	return e.Kind == TemplateErrors && strings.Contains(e.Exception.String(), "AuthorizationException")
}

// ceased reports whether sends of ingest were refused and none is now: where little is
// sent that may be for want of another one.
func (e ErrorCount) ceased() bool { return e.OfIngest() && e.Refused() && e.Recent <= 0 }

// refusals finds out when sends were refused last, and whether any succeeded since. Few
// times there is anything to ask.
func (c *Client) refusals(ctx context.Context, a *pastAnswers, s Span, errors []ErrorCount) {
	if !s.Live || a.failure != nil || !slices.ContainsFunc(errors, ErrorCount.ceased) {
		return
	}
	all := c.scrapes(ctx, &a.answers, s.fill(refusedQuery), s.Until)
	for i := range errors {
		e := &errors[i]
		if !e.ceased() {
			continue
		}
		for _, x := range all {
			if x.get("exception") == string(e.Exception) && e.Last.Before(lastGrowth(x)) {
				e.Last = lastGrowth(x)
			}
		}
		for _, x := range all {
			if x.get("result") == "success" {
				e.SentSince += grownSince(x, e.Last)
			}
		}
	}
}

// lastGrowth is the last scrape at which a counter was more than before; one that did not
// grow began with what it has.
func lastGrowth(x series) (at time.Time) {
	for n, p := range x.points {
		if n == 0 || p.value > x.points[n-1].value {
			at = p.time()
		}
	}
	return at
}

// grownSince is by how much a counter grew after a scrape.
func grownSince(x series, at time.Time) (n float64) {
	last := 0.0
	for _, p := range x.points {
		if p.time().After(at) {
			n += max(0, p.value-last)
		}
		last = p.value // a restart begins from less
	}
	return n
}
