package diagnose

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/report"
)

const (
	// leastLate is how many postings must have come late to be told: accounting dates
	// one or two back.
	leastLate = 3
	// loadedShare is the part of all postings, one in so many, from which on they did
	// not come late but were loaded in another order than they happened.
	loadedShare = 50
)

// late are the postings of a shard that came late, but for those of payments that are
// told as exceptions. loaded says that they are too many for that.
func (r Reconciliation) late(place int) (some []paydb.LatePosting, loaded bool) {
	d := r.Done[place]
	if d.Late.N*loadedShare > d.Late.Read {
		return nil, d.Late.N > 0
	}
	wrong := map[int64]bool{}
	for _, e := range d.Exceptions {
		wrong[e.ID] = true
	}
	return slices.DeleteFunc(slices.Clone(d.Late.Some), func(x paydb.LatePosting) bool { return wrong[x.PaymentID] }), false
}

// lookedForLate reports whether the postings of every shard were looked at.
func (r Reconciliation) lookedForLate() bool {
	for i, d := range r.Done {
		if _, loaded := r.late(i); r.Asked[i].SameAs == "" && (loaded || d.Late.Why != "" || d.Late.Read < d.Entries) {
			return false
		}
	}
	return true
}

// postedLate is LEDGER_POSTING_LATE.
func (r Reconciliation) postedLate() []report.Finding {
	n, most := 0, time.Duration(0)
	all := make([][]paydb.LatePosting, len(r.Done))
	atLeast := false
	for place, d := range r.Done {
		all[place], _ = r.late(place)
		if n += len(all[place]); int64(len(d.Late.Some)) < d.Late.N {
			atLeast = true
		}
		for _, x := range all[place] {
			most = max(most, x.Behind)
		}
	}
	if n < leastLate {
		return nil
	}
	f := report.NewFinding(catalog.LedgerPostingLate, "%s%d postings came late, up to %s after what they are of; they are right, and the books lacked them until then", leastIf(atLeast), n, lasted(most))
	for place, some := range all {
		if len(some) == 0 {
			continue
		}
		a := r.Asked[place]
		var words []string
		for _, x := range first(bookSamples, some) {
			words = append(words, fmt.Sprintf("entry %d of payment %d, occurred_at %s, at least %s late", x.EntryID, x.PaymentID, bookTime(x.At, a.Clock.Database.Location()), lasted(x.Behind)))
		}
		f = f.With(a.Source.Name, "order of entry_id against occurred_at and the payment's updated_at", fmt.Sprintf("%d of the newest %d, entries %d .. %d: %s", len(some), r.Done[place].Late.Read,
			some[0].EntryID, some[len(some)-1].EntryID, strings.Join(words, "; ")), a.Clock.Database)
	}
	return []report.Finding{f.Then("See what held the ledger's consumer up at that time: lag of payment-consumer, a rebalance, a replay of payment.dlq").ConfirmWith("check_kafka_health")}
}
