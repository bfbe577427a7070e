package seed

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Options say what the data looks like.
type Options struct {
	// Payments is how many each of the first two shards gets. Zero is a valid
	// system, an empty one.
	Payments int `json:"payments"`
	// Seed chooses ids, names, amounts and times. The same seed gives the
	// same payments.
	Seed uint64 `json:"seed"`
	// Merchants is how many there are over all shards; 0 means 40.
	Merchants int `json:"merchants"`
	// Span is how far back payments reach; 0 means 48 h. They are spread
	// evenly, so that an hour has Payments/48 of them.
	Span time.Duration `json:"span"`
	// Hostile adds payments with text that tries to harm who reads it, see
	// Hostility. Some carry values of 10 MB.
	Hostile bool `json:"hostile,omitempty"`
	// Settled leaves out payments under way: for a system whose workers live,
	// and whose queues know nothing of them.
	Settled bool `json:"settled,omitempty"`
}

// Plan is all that there is to know about seeded data.
type Plan struct {
	Options Options `json:"options"`
	// Shards is how many databases the system has.
	Shards int `json:"shards"`
	// Now is the database server's time that everything is relative to.
	Now time.Time `json:"now"`
	// FirstID is the payment id of index 0, the same on every shard: each
	// shard counts for itself, so that equal ids on two shards are normal.
	FirstID int64 `json:"firstID"`
	// Merchants are the ids of merchants by shard; element 0 is shard 1.
	Merchants [][]string `json:"merchants"`
	// Events are the ids of outbox rows of payments in flight, by shard and
	// payment id; known once loaded.
	Events []map[int64][]int64 `json:"events,omitempty"`
}

// settled is how long before Now the last payment was requested that is not in
// flight: longer than any grace that a check gives.
const settled = 5 * time.Minute

// NewPlan plans data for a number of shards, as of a moment.
func NewPlan(o Options, shards int, now time.Time) (*Plan, error) {
	if o.Merchants == 0 {
		o.Merchants = 40
	}
	if o.Span == 0 {
		o.Span = 48 * time.Hour
	}
	if o.Payments < 0 || o.Merchants < 4 || shards < 1 || o.Span < 2*settled {
		return nil, fmt.Errorf("cannot seed %d shards with %d payments of %d merchants over %s: want at least 1, 0, 4 and %s", shards, o.Payments, o.Merchants, o.Span, 2*settled)
	}
	p := &Plan{Options: o, Shards: shards, Now: now.UTC().Truncate(time.Millisecond)}
	rng := rand.New(rand.NewPCG(o.Seed, 0x5eed))
	p.FirstID = 1000 + rng.Int64N(9000)
	p.Merchants = merchants(rng, o.Merchants, shards)
	return p, nil
}

// merchants invents ids of many shapes and puts each where the rule says.
func merchants(rng *rand.Rand, n, shards int) [][]string {
	pick := func(from ...string) string { return from[rng.IntN(len(from))] }
	letters := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteByte(byte('A' + rng.IntN(26)))
		}
		return b.String()
	}
	// The rule puts these three on shard 1: no digits at all, more than fit,
	// and digits that only together make an even number.
	ids := []string{
		pick("MERCHANT_", "CAFE_", "STORE_") + letters(4),
		"9999999999999999" + strconv.Itoa(1000+rng.IntN(9000)),
		fmt.Sprintf("%s-%d-%d", letters(1), 1+2*rng.IntN(5), 2*rng.IntN(5)),
	}
	// No two ids may be equal to a database that ignores case.
	seen := map[string]bool{}
	for _, id := range ids {
		seen[strings.ToLower(id)] = true
	}
	for len(ids) < n {
		// Odd and even in turn, so that both shards get their half.
		number := 2*rng.IntN(40_000) + len(ids)%2
		var id string
		switch rng.IntN(4) {
		case 0:
			id = "MERCHANT-" + strconv.Itoa(number)
		case 1:
			id = fmt.Sprintf("shop_%05d", number)
		case 2:
			id = letters(3) + strconv.Itoa(number)
		default:
			id = strconv.Itoa(1_000_000 + number)
		}
		if !seen[strings.ToLower(id)] {
			seen[strings.ToLower(id)] = true
			ids = append(ids, id)
		}
	}
	byShard := make([][]string, shards)
	for _, id := range ids {
		at := min(ShardOf(id), shards) - 1
		byShard[at] = append(byShard[at], id)
	}
	return byShard
}

// Write stores the plan in a file, for ReadPlan in another process.
func (p *Plan) Write(path string) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

// ReadPlan reads what Write wrote; nil without error when there is no file.
func ReadPlan(path string) (*Plan, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p := new(Plan)
	if err := json.Unmarshal(text, p); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// count is how many payments a shard has: the rule uses two shards only.
func (p *Plan) count(shard int) int {
	if shard > 2 {
		return 0
	}
	return p.Options.Payments
}

// inFlight is how many of a shard's newest payments are under way.
func (p *Plan) inFlight(shard int) int {
	if p.Options.Settled {
		return 0
	}
	return min(len(flights), p.count(shard)/10)
}

// Payments are those of one shard, oldest first.
func (p *Plan) Payments(shard int) iter.Seq[Payment] {
	return func(yield func(Payment) bool) {
		for i := range p.count(shard) {
			if !yield(p.payment(shard, i)) {
				return
			}
		}
	}
}

// All are the payments of every shard.
func (p *Plan) All() iter.Seq[Payment] {
	return func(yield func(Payment) bool) {
		for shard := range p.Shards {
			for pay := range p.Payments(shard + 1) {
				if !yield(pay) {
					return
				}
			}
		}
	}
}

// Filter selects payments. Zero fields select all.
type Filter struct {
	Shard    int
	Merchant string
	Statuses []string
	Currency string
	// MinAmount and MaxAmount are inclusive; 0 means no bound.
	MinAmount, MaxAmount int64
	// Since is inclusive, Until exclusive. What is in flight is always recent:
	// it passes any Since, and no Until that is not after the plan's Now.
	Since, Until time.Time
}

// Match says whether a payment is selected.
func (f Filter) Match(pay Payment) bool {
	switch {
	case f.Shard != 0 && f.Shard != pay.Shard,
		f.Merchant != "" && f.Merchant != pay.Merchant,
		len(f.Statuses) > 0 && !slices.Contains(f.Statuses, pay.Status),
		f.Currency != "" && f.Currency != pay.Currency,
		pay.Amount < f.MinAmount,
		f.MaxAmount != 0 && pay.Amount > f.MaxAmount,
		!f.Until.IsZero() && !pay.RequestedAt.Before(f.Until):
		return false
	}
	return pay.InFlight || f.Since.IsZero() || !pay.RequestedAt.Before(f.Since)
}

// Total is what a selection adds up to.
type Total struct {
	Count int
	// Amounts are sums by currency.
	Amounts map[string]int64
	// ByStatus counts by status.
	ByStatus map[string]int
}

// Total adds up the payments that a filter selects.
func (p *Plan) Total(f Filter) Total {
	t := Total{Amounts: map[string]int64{}, ByStatus: map[string]int{}}
	for pay := range p.All() {
		if f.Match(pay) {
			t.Count++
			t.Amounts[pay.Currency] += pay.Amount
			t.ByStatus[pay.Status]++
		}
	}
	return t
}

// Find returns the newest payments that a filter selects, newest first, at
// most limit of them over all shards.
func (p *Plan) Find(f Filter, limit int) []Payment {
	var found []Payment
	for pay := range p.All() {
		if f.Match(pay) {
			found = append(found, pay)
		}
	}
	slices.SortStableFunc(found, func(a, b Payment) int { return b.RequestedAt.Compare(a.RequestedAt) })
	return found[:min(limit, len(found))]
}
