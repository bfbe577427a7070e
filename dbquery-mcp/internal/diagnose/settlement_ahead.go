package diagnose

import (
	"fmt"
	"slices"
	"time"

	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/report"
)

// ahead is how far a request's times lie ahead of the database's clock.
func ahead(q paydb.GatewayRequest, now time.Time) time.Duration {
	return max(q.Requested.Sub(now), q.LastRetry.Sub(now), 0)
}

// DatedAhead reports whether a request was written in another time zone.
func DatedAhead(q paydb.GatewayRequest, now time.Time) bool { return ahead(q, now) >= zoneStep }

// newestAhead is what the time of the newest request is a sign of, which Judge tells.
func newestAhead(x paydb.Reply[paydb.Gateway]) catalog.Code {
	return aheadOf(x.Asked, x.Facts.Latest.Sub(x.Clock.Database))
}

// datedAhead are requests that wait for something and whose times are a sign of code. One
// of several writers suffices: the newest request may be another's.
func datedAhead(x paydb.Reply[paydb.Gateway], code catalog.Code) []paydb.GatewayRequest {
	return slices.DeleteFunc(slices.Concat(x.Facts.Ahead, x.Facts.Failed, x.Facts.Pending), func(q paydb.GatewayRequest) bool {
		return aheadOf(x.Asked, ahead(q, x.Clock.Database)) != code
	})
}

// aged reports whether the ages of requests, and of payments that wait for one, can be
// told.
func (r Requests) aged() bool {
	return len(r.Early()) == 0 && !slices.ContainsFunc(r.each(), func(x paydb.Reply[paydb.Gateway]) bool {
		return newestAhead(x) != "" || len(datedAhead(x, catalog.SrcTimezoneMismatch))+len(datedAhead(x, catalog.SrcClockSkew)) > 0
	})
}

// Early says where payments ask for a request at a time that has not come yet: whether
// they wait is not seen.
func (r Requests) Early() (why []string) {
	for _, x := range r.each() {
		if by := x.Facts.LastAsked.Sub(x.Clock.Database); aheadOf(x.Asked, by) != "" {
			why = append(why, fmt.Sprintf("%s: a payment in %s is dated %s ahead of the database's clock, so whether such payments wait too long is not seen: a clock or a time zone of who writes there is wrong", x.Shard, paydb.AskedStatus(r.Kind), lasted(by)))
		}
	}
	return why
}

// anotherZone is SRC_TIMEZONE_MISMATCH of requests.
func (r Requests) anotherZone() []report.Finding {
	return r.ahead(catalog.SrcTimezoneMismatch, "who writes them looks to be in another time zone than UTC")
}

// anotherClock is SRC_CLOCK_SKEW of requests.
func (r Requests) anotherClock() []report.Finding {
	return r.ahead(catalog.SrcClockSkew, "the clocks of who writes them and of the database differ")
}

func (r Requests) ahead(code catalog.Code, why string) []report.Finding {
	var all []some
	n, most, atLeast := 0, time.Duration(0), false
	for _, x := range r.each() {
		list := datedAhead(x, code)
		if len(list) == 0 || newestAhead(x) == code {
			continue
		}
		all, n, atLeast = append(all, some{x.Asked, list}), n+len(list), atLeast || x.Facts.AheadCut
		most = max(most, furthest(list, x.Clock.Database))
	}
	if n == 0 {
		return nil
	}
	k := kinds[r.Kind]
	f := report.NewFinding(code, "%s FAILED or PENDING, dated up to %s ahead of the database's clock: %s, so for how long they wait is not known", these(k, n, atLeast), lasted(most), why)
	for _, s := range all {
		now := s.asked.Clock.Database
		f = f.With(s.asked.Source.Name, "requested_at and last_retry_at of "+k.table+" against UTC_TIMESTAMP", fmt.Sprintf("%d: id %s; up to %+.0f s", len(s.list), requestIDs(s.list), furthest(s.list, now).Seconds()), now)
	}
	return []report.Finding{f.Hurts("%s", hurtByRequests(all)).Then(
		"Compare the time zones and the clocks of the hosts that run the workers and ingest, and of the database",
		"See with trace_payment how each of them stands")}
}

// furthest is how far the one that is furthest ahead is.
func furthest(list []paydb.GatewayRequest, now time.Time) (most time.Duration) {
	for _, q := range list {
		most = max(most, ahead(q, now))
	}
	return most
}
