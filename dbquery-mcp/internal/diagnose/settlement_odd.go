package diagnose

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

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
	var ids []string
	var status foreign.Text
	longest := time.Duration(0)
	for _, u := range x.Facts.UnderWay {
		if onlyOdd(u) {
			ids, status, longest = append(ids, strconv.FormatInt(u.ID, 10)), u.Status, max(longest, x.Clock.Database.Sub(u.Since))
		}
	}
	if len(ids) == 0 {
		return ""
	}
	return fmt.Sprintf("%s: %s in %s for up to %s with no %s but of such a status (payment %s%s): trace_payment", x.Shard, manyPayments(len(ids)), status, lasted(longest),
		kinds[r.Kind].one, strings.Join(first(6, ids), ", "), andMore(len(ids), 6))
}

// onlyOdd reports whether a payment that waits has requests, and none of a known status.
func onlyOdd(u paydb.UnderWay) bool { return u.Odd > 0 && u.Odd == u.Requests }

// known reports whether all requests that were seen have a status that the rules know.
func (r Requests) known() bool {
	return !slices.ContainsFunc(r.each(), func(x paydb.Reply[paydb.Gateway]) bool {
		return len(x.Facts.Odd) > 0 || x.Facts.OddCut || slices.ContainsFunc(x.Facts.UnderWay, func(u paydb.UnderWay) bool { return u.Odd > 0 })
	})
}
