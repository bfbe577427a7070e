package diagnose

import (
	"fmt"
	"slices"

	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/shared/foreign"
)

// oddStatus says how many rows have a status that the payment system does not have.
func oddStatus(shard, rows string, status foreign.Text) string {
	return fmt.Sprintf("%s: %s with the status %s, which the payment system does not have", shard, rows, status.Quoted())
}

// Odd says which requests have a status that no rule knows, and which payments wait with
// nothing else: no rule finds them, and none can be ruled out for them.
func (r Requests) Odd() (why []string) {
	kind := kinds[r.Kind].one
	for _, x := range r.each() {
		for _, o := range x.Facts.Odd {
			text := oddStatus(x.Shard, counted(len(o.List), o.Cut, kind), o.Status)
			if len(o.List) > 0 {
				text += fmt.Sprintf(" (id %s)", requestIDs(o.List))
			}
			why = append(why, text)
		}
		if x.Facts.OddCut {
			why = append(why, fmt.Sprintf("%s: there are more such statuses of %ss than were looked at", x.Shard, kind))
		}
		if text := r.oddWaiting(x); text != "" {
			why = append(why, text)
		}
	}
	return why
}

// oddWaiting tells of payments whose only request has such a status.
func (r Requests) oddWaiting(x paydb.Reply[paydb.Gateway]) string {
	return r.held(x, onlyOdd, "with no "+kinds[r.Kind].one+" but of such a status", "trace_payment")
}

// onlyOdd reports whether a payment that waits has requests, and none of a known status.
func onlyOdd(u paydb.UnderWay) bool { return u.Odd > 0 && u.Odd == u.Requests }

// known reports whether all requests that were seen have a status that the rules know.
func (r Requests) known() bool {
	return !slices.ContainsFunc(r.each(), func(x paydb.Reply[paydb.Gateway]) bool {
		return len(x.Facts.Odd) > 0 || x.Facts.OddCut || slices.ContainsFunc(x.Facts.UnderWay, func(u paydb.UnderWay) bool { return u.Odd > 0 })
	})
}
