package paydb

import (
	"context"
	"math"
	"slices"
	"sync/atomic"
	"time"
)

// Wrong is what a judge has against a payment's books, one bit each; 0 is nothing.
// What the bits mean is the judge's business.
type Wrong uint32

// Books is what a shard's tables say of one payment id. Many thousands are held at
// once, so they are kept small.
type Books struct {
	ID       int64
	Status   string // as stored
	Currency string
	Amount   Money

	Captures  Tally // from merchant_receivable to cash
	Reversals Tally // the other way round
	Others    Tally // between any other two accounts

	Settlements Requests
	Refunds     Requests

	Orphan bool // there are postings and no payment of this id
	// Young says that it was changed within the grace: what belongs to the change
	// may still be on its way.
	Young bool
	// Ahead says that it is Young by a time that has not come yet: no change of just
	// now, but a clock or a zone that is wrong.
	Ahead bool
	// NoEvent says that the event of a direct capture was looked for and is not there.
	NoEvent bool
}

// Tally is how many amounts there are, and their sum.
type Tally struct {
	whole       int64
	fraction, n int32 // where Money itself would leave a hole
}

// TallyOf is the tally of n amounts with this sum.
func TallyOf(n int, sum Money) Tally {
	return Tally{whole: sum.Whole, fraction: sum.Fraction, n: int32(min(n, math.MaxInt32))} //nolint:gosec // bounded
}

// N is how many amounts there are.
func (t Tally) N() int { return int(t.n) }

// Sum is what they come to.
func (t Tally) Sum() Money { return Money{t.whole, t.fraction} }

// Plus is the tally with one amount more.
func (t Tally) Plus(m Money) Tally { return TallyOf(t.N()+1, t.Sum().Plus(m)) }

// Minus is the tally with one amount less.
func (t Tally) Minus(m Money) Tally { return TallyOf(t.N()-1, t.Sum().Minus(m)) }

// Requests are what the payment gateway was asked to do.
type Requests struct {
	Succeeded Tally // rows with status SUCCESS
	N         int32 // rows
	Off       bool  // one that succeeded has another amount than the payment
}

// Checks are which tables are compared with payment, beside the ledger.
type Checks struct{ Settlements, Refunds bool }

// ReconcileQuery is what to reconcile, and how.
type ReconcileQuery struct {
	// First and Last bound the payment ids; both 0: no bound.
	First, Last int64
	// Window bounds requested_at and is asked once, with the clock of the first shard
	// that answers; nil: all time. Payments are then found by their ids, which rise
	// with time, and never fewer than the Newest.
	Window func(now time.Time) (Window, error)
	Newest int64
	// Merchants, to the letter: then only their payments are read, and postings
	// without a payment are not seen. None: all.
	Merchants []string
	Checks    Checks
	Grace     time.Duration
	// Snapshot reads each shard in one transaction, so that all of it is of one
	// moment. The database must keep what changes meanwhile.
	Snapshot bool
	// Gentle rests after each chunk for as long as the chunk took.
	Gentle bool
	// From goes on where an earlier run stopped, by the names of shards. A shard that
	// is not in it begins at its beginning; one that is Done there is not read again.
	From map[string]Mark
	// Judge says what is wrong with a payment's books. It is called for every id,
	// Young ones excepted, from several goroutines.
	Judge func(*Books) Wrong
	// Judged says whether the judge knows a status.
	Judged func(status string) bool
	// Belongs says whether a merchant's payments belong on the shard of a place; nil:
	// the rule is not known.
	Belongs func(place int, merchant string) bool
	// Progress hears how many of how many ids have been read, from several goroutines.
	Progress func(done, total int64)
}

// Mark is how far the reading of a shard has come.
type Mark struct {
	After int64 // ids up to this are done
	Last  int64 // the highest id there was when it began
	Done  bool  // all of it, the older payments among it
	// OlderLeft says that payments older than the window, with a refund inside it, are
	// still to be compared: those above Older. OlderCut says that some never will be.
	OlderLeft bool
	Older     int64
	OlderCut  bool
	// Of a reading by merchants: the place in Merchants, and the last payment's time.
	Merchant int
	At       time.Time
}

// Reconciled is what comparing one shard's books came to.
type Reconciled struct {
	Begin, End Mark
	Window     Window
	// First and Last are the lowest and the highest payment id that was read; 0 when none was.
	First, Last int64

	Payments, Entries, Settlements, Refunds int64  // rows read
	Older                                   int64  // of the payments: older than the window, with a refund inside it
	OlderLeft                               int64  // of those, not compared for lack of time
	OlderWhy                                string // why others never will be; empty: all will
	Young                                   int64  // payments left out for the grace
	Ahead                                   int64  // payments left out because they say that they change later
	Unjudged                                map[string]int64
	Odd                                     map[OddStatus]int64 // requests of payments that are judged
	Unexplained                             []Unexplained
	Control                                 map[string]*Control // by currency; "" for postings without a payment
	// Pairs are the postings between accounts that make neither a capture nor a
	// reversal, up to 200 pairs.
	Pairs map[AccountPair]*Amounts
	// Unsettled are captured payments without a successful settlement. Unproven are
	// those of them whose event of a direct capture was not looked for, and why.
	Unsettled   int64
	Unproven    int64
	UnprovenWhy string
	UnprovenCut bool // there were too many to look for each
	Late        LatePostings

	Exceptions []Exception // confirmed by reading again, the first 2000
	More       map[Wrong]*Beyond
	Settled    int64 // were suspected and found right when read again
	Waiting    int64 // suspected, and not read again for lack of time

	MaxID int64 // highest payment id
	Keyed bool  // the ledger has a foreign key to payment
	// Misrouted are merchants on the wrong shard; nil where they were not looked at.
	// MerchantsWhy says why not all were; empty where they were, or nobody asked.
	Misrouted    *Misrouted
	MerchantsWhy string
	// Slow is what the schema lacks and what comes of it.
	Slow []string

	err error
}

// Control are control totals of one currency. Debits and credits of the ledger
// are equal by its very shape, whatever is wrong in it.
type Control struct {
	Captured Amounts // payments that were captured, by their status
	Refunded Amounts // payments that were refunded, by their status
	Posted   Amounts // captures in the ledger
	Reversed Amounts // reversals in the ledger
	Other    Amounts // between other accounts
}

// OddStatus is a status of requests that the payment system does not have.
type OddStatus struct{ Table, Status string }

// AccountPair is two accounts and a currency.
type AccountPair struct{ Currency, Debit, Credit string }

// Beyond are exceptions of one kind that are not kept one by one.
type Beyond struct {
	Count       int64
	Amounts     map[string]*Amounts
	First, Last int64
}

// Reconcile compares the books of every shard, chunk by chunk of payment ids. Each
// chunk is a transaction of its own, what looks wrong in it is read again, and the reading stops in time before ctx ends: End says where.
// A shard that is another by another name is not read.
func (db *DB) Reconcile(ctx context.Context, q ReconcileQuery) ([]Reply[Reconciled], error) {
	// First who is there: two names of one database must not double the load.
	hello, err := ask(ctx, db, func(context.Context, *Reader) (Reconciled, error) { return Reconciled{}, nil })
	if err != nil {
		return nil, err
	}
	window := Window{}
	if i := slices.IndexFunc(hello, func(r Reply[Reconciled]) bool { return r.Source.OK() }); i >= 0 && q.Window != nil {
		if window, err = q.Window(hello[i].Clock.Database); err != nil {
			return nil, err
		}
		window.Clock = hello[i].Clock.Database
	}
	var there []*shard
	places := map[string]int{}
	for i, s := range db.shards {
		places[s.name] = i
		if hello[i].Source.OK() && hello[i].SameAs == "" {
			there = append(there, s)
		}
	}
	pace := &pace{tell: q.Progress}
	read, err := ask(ctx, &DB{shards: there}, func(ctx context.Context, r *Reader) (Reconciled, error) {
		run := &reconciling{r: r, q: q, place: places[r.shard.name], pace: pace}
		run.out.Window = window
		// What was read before a failure counts; see below.
		run.out.err = run.all(ctx)
		return run.out, nil
	})
	if err != nil {
		return nil, err
	}
	for _, one := range read {
		if failed := one.Facts.err; failed != nil {
			s := there[slices.IndexFunc(there, func(s *shard) bool { return s.name == one.Shard })]
			one.Phase = Asking
			one.Source.Err, one.Number = s.failed(failed, Asking)
		}
		hello[places[one.Shard]] = one
	}
	return hello, nil
}

// pace adds up how far all shards are.
type pace struct {
	done, total atomic.Int64
	tell        func(done, total int64)
}

func (p *pace) add(done int64) {
	if p.tell != nil {
		p.tell(p.done.Add(done), p.total.Load())
	}
}
