package diagnose_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"payops-mcp/dbquery-mcp/internal/diagnose"
	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/report"
)

// later is a reply of two seconds after.
func later[T any](r paydb.Reply[T]) paydb.Reply[T] {
	r.Clock.Database = noon.Add(2 * time.Second)
	return r
}

func codesOf(found []report.Finding) string {
	var all []string
	for _, f := range found {
		all = append(all, string(f.Code))
	}
	return strings.Join(all, " ")
}

// What two looks do not both show is no finding, but it is not ruled out either.
func TestTwoLooksAtTheOutbox(t *testing.T) {
	type replies = []paydb.Reply[paydb.Outbox]
	const second = time.Second
	silent := paydb.Reply[paydb.Outbox]{Asked: failed(2, fault.Timeout, paydb.Asking, 1969)}
	stalled := later(outboxOf(2, 11*time.Minute, waits(20, 1, 1, 11*time.Minute)...))
	for name, x := range map[string]struct {
		first, second replies
		want          string // found
		once          string // seen at the second look only
	}{
		"so at both":                     {replies{outboxOf(1, second, waits(8, 1, 1, 6*time.Minute)...)}, replies{later(outboxOf(1, second, waits(8, 1, 1, 6*time.Minute)...))}, "OUTBOX_BACKLOG", ""},
		"gone at the second":             {replies{outboxOf(1, second, waits(8, 1, 1, 6*time.Minute)...)}, replies{later(outboxOf(1, second))}, "", ""},
		"five minutes between the looks": {replies{outboxOf(1, second, waits(8, 1, 1, 299*second)...)}, replies{later(outboxOf(1, second, waits(8, 1, 1, 299*second)...))}, "OUTBOX_BACKLOG", ""},
		"a minute between the looks":     {replies{outboxOf(1, second, waits(8, 1, 1, 59*second)...)}, replies{later(outboxOf(1, second, waits(8, 1, 1, 59*second)...))}, "OUTBOX_PENDING_FRESH", ""},
		"come with the second": {replies{outboxOf(1, second)}, replies{later(changed(outboxOf(1, second), func(o *paydb.Outbox) { o.Unmarked = waits(3, 1, 1, time.Hour) }))},
			"", "OUTBOX_MARKED_NOT_PUBLISHED"},
		"a shard that was silent": {replies{outboxOf(1, 11*time.Minute, waits(5, 1, 1, 90*second)...), silent}, replies{later(outboxOf(1, second)), stalled},
			"OUTBOX_BACKLOG OUTBOX_SHARD_BACKLOG", ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := diagnose.Outbox{Limits: outboxLimits, Before: diagnose.SortOutbox(x.first, outboxLimits), Shards: diagnose.SortOutbox(x.second, outboxLimits)}
			for _, r := range x.second {
				o.Asked = append(o.Asked, r.Asked)
			}
			got := diagnose.OutboxTwice(o)
			if codesOf(got.Found) != x.want {
				t.Errorf("found %q, want %q", codesOf(got.Found), x.want)
			}
			if x.once == "" != (got.Passing() == "") || !strings.HasPrefix(got.Passing(), x.once) {
				t.Errorf("seen once: %q, want %q", got.Passing(), x.once)
			}
			if slices.Contains(got.Ran, catalog.Code(x.once)) {
				t.Errorf("%s is ruled out though it was seen", x.once)
			}
		})
	}
}

func TestTwoLooksAtRequests(t *testing.T) {
	type replies = []paydb.Reply[paydb.Gateway]
	requests := func(replies replies) diagnose.Requests {
		r := diagnose.Requests{Kind: paydb.Settlements, Zone: time.UTC, Found: replies}
		for _, x := range replies {
			r.Asked = append(r.Asked, x.Asked)
		}
		return r
	}
	well := func(n int) paydb.Reply[paydb.Gateway] {
		return paydb.Reply[paydb.Gateway]{Asked: answered(n), Facts: paydb.Gateway{Whole: true}}
	}
	dead := func(n int) paydb.Reply[paydb.Gateway] {
		r := well(n)
		r.Facts.Failed = refusedRequests(9, 2*time.Hour, 10, time.Hour)
		return r
	}
	silent := paydb.Reply[paydb.Gateway]{Asked: failed(2, fault.Timeout, paydb.Asking, 1969)}
	for name, x := range map[string]struct {
		first, second replies
		want, once    string
	}{
		"so at both":              {replies{dead(1)}, replies{later(dead(1))}, "SETTLEMENT_DEAD_LETTER", ""},
		"gone at the second":      {replies{dead(1)}, replies{later(well(1))}, "", ""},
		"come with the second":    {replies{well(1)}, replies{later(dead(1))}, "", "SETTLEMENT_DEAD_LETTER"},
		"a shard that was silent": {replies{well(1), silent}, replies{later(well(1)), later(dead(2))}, "SETTLEMENT_DEAD_LETTER", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := diagnose.RequestsTwice(requests(x.first), requests(x.second))
			if codesOf(got.Found) != x.want || x.once == "" != (got.Passing() == "") || !strings.HasPrefix(got.Passing(), x.once) {
				t.Errorf("found %q, want %q; once %q, want %q", codesOf(got.Found), x.want, got.Passing(), x.once)
			}
			if slices.Contains(got.Ran, catalog.Code(x.once)) {
				t.Errorf("%s is ruled out though it was seen", x.once)
			}
		})
	}
}
