package diagnose

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/report"
)

// Suspicious are the ids whose books should be looked at on the other shards: ids
// are counted by each shard for itself, and a posting that went to the wrong one
// stands there under the id of a stranger.
func Suspicious(replies []paydb.Reply[paydb.Reconciled]) map[string][]int64 {
	ask := map[string][]int64{}
	for i, r := range replies {
		for _, e := range first(maxSuspicious, r.Facts.Exceptions) {
			if e.Wrong&ledgerWrong == 0 {
				continue
			}
			for j, other := range replies {
				if i != j && other.Source.OK() && other.SameAs == "" {
					ask[other.Shard] = append(ask[other.Shard], e.ID)
				}
			}
		}
	}
	for shard, ids := range ask {
		slices.Sort(ids)
		ask[shard] = slices.Compact(ids)
	}
	return ask
}

// maxSuspicious bounds the ids that are looked up on other shards.
const maxSuspicious = 1000

const ledgerWrong = captureMissing | captureDuplicate | captureReversed | reversalMissing | reversalDuplicate | reversalAlone |
	amountOff | orphaned | unexpected

// unlooked reports whether more exceptions of some kinds were found than were looked up
// on the other shard: a stray may be among those.
func (r Reconciliation) unlooked(w paydb.Wrong) bool {
	of := func(e paydb.Exception) bool { return e.Wrong&w != 0 }
	return slices.ContainsFunc(r.Done, func(d paydb.Reconciled) bool {
		for kind := range d.More {
			if kind&w != 0 {
				return true
			}
		}
		return slices.ContainsFunc(d.Exceptions[min(len(d.Exceptions), maxSuspicious):], of)
	})
}

// strays pairs a posting that one shard lacks with one of the same id and amount
// that another has too many.
func (r Reconciliation) strays() (all []Stray) {
	if !r.paired() {
		return nil
	}
	books := []map[int64]paydb.Exception{r.books(0), r.books(1)}
	for of := range books {
		on := 1 - of
		for _, id := range slices.Sorted(maps.Keys(books[of])) {
			owed := books[of][id]
			for _, lack := range []struct {
				wrong   paydb.Wrong
				capture bool
			}{{captureMissing, true}, {reversalMissing, false}} {
				if owed.Wrong&lack.wrong == 0 {
					continue
				}
				there := books[on][id]
				if there.Wrong == 0 {
					continue
				}
				if entry, wrong, ok := stray(there, owed, lack.capture); ok {
					all = append(all, Stray{ID: owed.ID, On: on, Of: of, Entry: entry, There: there, Owed: owed, wrong: wrong, right: lack.wrong})
				}
			}
		}
	}
	return all
}

// books are all that is known of a shard's payments, by id: its exceptions, and what
// was looked up for those of the other.
func (r Reconciliation) books(place int) map[int64]paydb.Exception {
	all := map[int64]paydb.Exception{}
	for _, e := range r.Elsewhere[r.Asked[place].Shard] {
		if !e.Young {
			e.Wrong = Books(&e.Books)
			all[e.ID] = e
		}
	}
	for _, e := range r.Done[place].Exceptions {
		all[e.ID] = e
	}
	return all
}

// stray finds a posting of the owed amount and direction without which the books
// there are less wrong; wrong is what they then no longer are.
func stray(there, owed paydb.Exception, capture bool) (paydb.Entry, paydb.Wrong, bool) {
	for _, x := range slices.Backward(there.Entries) {
		isCapture, isReversal := x.Is()
		if x.Amount != owed.Amount || capture != isCapture || !capture != isReversal {
			continue
		}
		// Of two alike the later one is the stray: the payment's own came first.
		without := there.Books
		direction := &without.Captures
		if !capture {
			direction = &without.Reversals
		}
		*direction = direction.Minus(x.Amount)
		ledger := there.Wrong & ledgerWrong
		if left := Books(&without) & ledgerWrong; left&^ledger == 0 && left != ledger {
			return x, ledger &^ left, true
		}
	}
	return paydb.Entry{}, 0, false
}

// explained is what strays explain of an id's books on a shard.
func explained(strays []Stray, place int, id int64) (w paydb.Wrong) {
	for _, s := range strays {
		if s.ID == id && s.On == place {
			w |= s.wrong
		}
		if s.ID == id && s.Of == place {
			w |= s.right
		}
	}
	return w
}

// wrongShard is LEDGER_WRONG_SHARD.
func (r Reconciliation) wrongShard(strays []Stray) []report.Finding {
	if len(strays) == 0 {
		return nil
	}
	sums := map[string]*paydb.Amounts{}
	for _, s := range strays {
		if sums[s.Owed.Currency] == nil {
			sums[s.Owed.Currency] = new(paydb.Amounts)
		}
		sums[s.Owed.Currency].Add(s.Entry.Amount)
	}
	of, verb := "postings stand", "another shard than their payments"
	if len(strays) == 1 {
		of, verb = "posting stands", "another shard than its payment"
	}
	f := report.NewFinding(catalog.LedgerWrongShard, "%s %s on %s, under the id of a stranger: %s", manyAtLeast(int64(len(strays)), r.unlooked(ledgerWrong)), of, verb, bookSums(sums))
	zone := r.Asked[0].Clock.Database.Location()
	for _, s := range first(bookSamples, strays) {
		on, owing := r.Asked[s.On], r.Asked[s.Of]
		f = f.With(on.Source.Name, fmt.Sprintf("payment %d on both shards", s.ID), fmt.Sprintf("%s has %s; entry %d of %s is owed on %s, which has %s",
			on.Shard, bookSide(s.There, zone), s.Entry.ID, figure(s.Entry.Amount), owing.Shard, bookSide(s.Owed, zone)), on.Clock.Database)
	}
	return []report.Finding{f.Then(
		"Stop replays of payment.captured and payment.refunded: they carry no merchant, so each may land on the wrong shard again",
		"Have accounting post correcting entries on both shards after the routing is mended").ConfirmWith("check_database_health")}
}

// bookSide is what one shard has under an id.
func bookSide(e paydb.Exception, z *time.Location) string {
	what := "no such payment"
	if !e.Orphan {
		what = fmt.Sprintf("%s %s of %s", bookStatus(e.Status), bookAmount(e), e.Merchant.Quoted())
	}
	if len(e.Entries) == 0 {
		return what + " and no posting"
	}
	var amounts []string
	for _, x := range first(4, e.Entries) {
		amounts = append(amounts, fmt.Sprintf("%s %s (entry %d, %s)", direction(x), figure(x.Amount), x.ID, bookTime(x.At, z)))
	}
	return what + " posted " + strings.Join(amounts, ", ")
}
