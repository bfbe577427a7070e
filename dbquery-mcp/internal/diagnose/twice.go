package diagnose

import (
	"slices"
	"strings"

	"payops-mcp/shared/catalog"
	"payops-mcp/shared/report"
)

// Twice is what two looks, moments apart, come to. What was seen at the second look
// alone may pass as fast as it came: it is no finding, and it is not ruled out.
type Twice struct {
	Found []report.Finding
	Ran   []catalog.Code
	// Once are the codes that the second look saw and the first did not.
	Once []catalog.Code
}

// Passing says what Once keeps from being called right; empty for nothing.
func (t Twice) Passing() string {
	if len(t.Once) == 0 {
		return ""
	}
	names := make([]string, len(t.Once))
	for i, c := range t.Once {
		names[i] = string(c)
	}
	return strings.Join(names, ", ") + " seen at the second of two looks only: ask again"
}

// twice keeps the findings of a second look that need no confirming, or that were
// found before.
func twice(found []report.Finding, ran []catalog.Code, stands func(report.Finding) bool) (t Twice) {
	for _, f := range found {
		if f.Verdict == catalog.OK || stands(f) {
			t.Found = append(t.Found, f)
		} else if !slices.Contains(t.Once, f.Code) {
			t.Once = append(t.Once, f.Code)
		}
	}
	t.Ran = slices.DeleteFunc(slices.Clone(ran), func(c catalog.Code) bool { return slices.Contains(t.Once, c) })
	return t
}

// has reports whether a finding's code is among some.
func has(some []report.Finding, code catalog.Code) bool {
	return slices.ContainsFunc(some, func(f report.Finding) bool { return f.Code == code })
}

// RequestsTwice judges two looks at requests. What the books of payments say was
// read after both, and needs no confirming.
func RequestsTwice(first, second Requests) Twice {
	first.Books, first.Asked, first.Found = nil, slices.Clone(first.Asked), slices.Clone(first.Found)
	for i, now := range second.Found {
		if !first.Found[i].Source.OK() && now.Source.OK() {
			// It was silent, and what it says now has nothing to be held against.
			first.Found[i], first.Asked[i] = now, now.Asked
		}
	}
	before, _ := JudgeRequests(first)
	found, ran := JudgeRequests(second)
	booked := BookCodes()
	return twice(found, ran, func(f report.Finding) bool { return slices.Contains(booked, f.Code) || has(before, f.Code) })
}

// OutboxTwice judges two looks at the outbox; without a first, only one. What the
// shards' answers themselves say needs no confirming, and a backlog none either that
// only grew older: its events waited at both looks.
func OutboxTwice(o Outbox) Twice {
	found, ran := JudgeOutbox(o)
	if o.Before == nil {
		return Twice{Found: found, Ran: ran}
	}
	first := o
	first.Shards, first.Before = slices.Clone(o.Before), nil
	older := first
	older.Shards = nil
	for _, s := range o.Shards {
		i := slices.IndexFunc(first.Shards, func(b OutboxShard) bool { return b.Shard == s.Shard })
		if i < 0 { // it was silent, and what it says now has nothing to be held against
			first.Shards, older.Shards = append(first.Shards, s), append(older.Shards, s)
			continue
		}
		b := first.Shards[i]
		b.Clock = s.Clock
		older.Shards = append(older.Shards, b)
	}
	before, _ := JudgeOutbox(first)
	later, _ := JudgeOutbox(older)
	return twice(found, ran, func(f report.Finding) bool {
		moving := strings.HasPrefix(string(f.Code), "OUTBOX_") || f.Code == catalog.PaymentStatusRegression
		ages := f.Code == catalog.OutboxBacklog || f.Code == catalog.OutboxShardBacklog
		return !moving || has(before, f.Code) || ages && has(later, f.Code)
	})
}
