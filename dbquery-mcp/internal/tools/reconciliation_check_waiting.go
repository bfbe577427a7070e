package tools

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/shared/catalog"
)

// waiting looks for payments of the scope that wait too long for their capture or refund,
// of whatever age where no time was given. They owe no posting: books that balance say
// nothing of them.
func (d Deps) waiting(ctx context.Context, q *reconciliation) (*requestsView, error) {
	v := &requestsView{deps: d, of: q, span: q.time}
	return v, d.lookAtKinds(ctx, v, func(kind paydb.RequestKind) bool {
		return kind == paydb.Settlements && q.ask.Checks.Settlements || kind == paydb.Refunds && q.ask.Checks.Refunds
	})
}

// holds reports whether a payment is of the scope's time and ids, where it has any.
func (q *reconciliation) holds(id int64, at time.Time, w paydb.Window) bool {
	inside := !w.Bounded() || !at.Before(w.Since) && at.Before(w.Until)
	return inside && id >= q.ask.First && (q.ask.Last == 0 || id <= q.ask.Last)
}

// unheard says which shards told their books and not who waits.
func (v reconciledView) unheard() (why []string) {
	if len(v.waiting.kinds) == 0 {
		return nil
	}
	for i, a := range v.waiting.asked() {
		if !a.Source.OK() && v.replies[i].Source.OK() {
			why = append(why, fmt.Sprintf("%s: payments that wait for their capture or refund could not be looked for (%s, said %s); check_settlements looks for them too", a.Shard, a.Source.Err.Class, a.Source.Err.Said.Quoted()))
		}
	}
	return why
}

// ran are the rules that had all they need. What waits is not ruled out beside books that
// nobody told.
func (v reconciledView) ran() []catalog.Code {
	if slices.ContainsFunc(v.replies, func(r paydb.Reply[paydb.Reconciled]) bool { return !r.Source.OK() }) {
		return v.judged.Ran
	}
	return slices.Concat(v.judged.Ran, v.waiting.ran)
}

// because joins what could not be found out of the books and of who waits.
func (v reconciledView) because() string {
	why := slices.Concat([]string{v.judged.Because}, v.unheard(), []string{v.waiting.because()})
	return strings.Join(slices.DeleteFunc(why, func(s string) bool { return s == "" }), "; ")
}

// waits names what was found of payments that wait, for the line to read out.
func (v reconciledView) waits() string {
	var all []string
	for _, f := range v.waiting.found {
		if f.Kind != catalog.Source {
			all = append(all, string(f.Code))
		}
	}
	if len(all) == 0 {
		return ""
	}
	return "; of payments that wait: " + strings.Join(all, ", ")
}

// newest is when each shard's newest request was made, against the clock that was read
// with the books.
func (v reconciledView) newest() []time.Time {
	all := v.waiting.newest()
	if len(all) == 0 {
		return nil
	}
	for i, a := range v.waiting.asked() {
		if !all[i].IsZero() {
			all[i] = all[i].Add(v.replies[i].Clock.Database.Sub(a.Clock.Database))
		}
	}
	return all
}

// unlookedWaiting is what was not looked for of payments that wait.
func (v reconciledView) unlookedWaiting() (not []string) {
	for _, x := range []struct {
		looked bool
		kind   string
	}{{v.question.ask.Checks.Settlements, "settlement"}, {v.question.ask.Checks.Refunds, "refund"}} {
		if !x.looked {
			not = append(not, fmt.Sprintf("payments that wait for their %[1]s (checks leaves %[1]s out)", x.kind))
		}
	}
	return append(not, "requests that the payment gateway refused (check_settlements)")
}
