package tools

import (
	"context"
	"slices"
	"strings"
	"time"

	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/report"
)

// waiting looks for payments of the scope that wait too long for their capture or refund.
// They owe no posting: books that balance say nothing of them.
func (d Deps) waiting(ctx context.Context, q *reconciliation) (*requestsView, error) {
	v := &requestsView{deps: d, of: q}
	return v, d.lookAtKinds(ctx, v, func(kind paydb.RequestKind) bool {
		return kind == paydb.Settlements && q.ask.Checks.Settlements || kind == paydb.Refunds && q.ask.Checks.Refunds
	})
}

// times returns how the times of the scope are resolved, which bound nothing where none
// were given.
func (q *reconciliation) times(zone *time.Location) func(time.Time) (paydb.Window, error) {
	return func(now time.Time) (paydb.Window, error) {
		if !q.timed {
			return paydb.Window{}, nil
		}
		r, err := q.time.At(now, zone)
		if err != nil {
			return paydb.Window{}, invalidTime(err)
		}
		return paydb.Window{Since: r.Since, Until: r.Until}, nil
	}
}

// holds reports whether a payment belongs to the scope.
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
			why = append(why, a.Shard+": payments that wait for their capture or refund were not found out ("+string(a.Source.Err.Class)+"): check_settlements")
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
	if len(v.waiting.found) == 0 {
		return ""
	}
	return "; of payments that wait: " + strings.Join(names(v.waiting.found), ", ")
}

// names are the codes of findings.
func names(found []report.Finding) []string {
	all := make([]string, len(found))
	for i, f := range found {
		all[i] = string(f.Code)
	}
	return all
}
