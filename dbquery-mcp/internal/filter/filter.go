// Package filter reads the filter of query_payments, which is said in words,
// English or Korean, into a typed [Query].
//
// It is a grammar and not a search for keywords: every character of the text
// is part of something that was understood, a listed filler word, or white
// space and punctuation between them, and [Query.Spans] proves it. A word that
// is not known refuses the whole filter and is named, because a condition that
// is dropped in silence shows other people's payments.
//
// Where words can be read in two ways that find different payments, they are
// refused with both readings instead of one being chosen.
//
// The package does no I/O and knows no clock: [Query.Time] is resolved by the
// caller against the database's.
package filter

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"payops-mcp/shared/when"
)

// MaxLength is how many characters a filter may have.
const MaxLength = 500

// MaxLimit is the most rows a filter may ask for.
const MaxLimit = 200

// Query is what a filter asks for. Conditions are all to be met; an empty
// field is no condition.
type Query struct {
	Statuses       []string // any of these, in the order of [Statuses]
	NotStatuses    []string // none of these; only set when Statuses is empty
	MerchantIDs    []string // any of these, spelled as they were
	NotMerchantIDs []string
	PaymentIDs     []int64 // any of these
	Keys           []string
	MinAmount      *Bound
	MaxAmount      *Bound
	Currency       string // ISO 4217, capitals
	Time           when.Spec
	Order          Order // empty: not asked for
	Limit          int   // 1..MaxLimit; 0: not asked for
	Notes          []string
	Spans          []Span // every word and its role, in the order of the text
}

// Order is the order of rows that was asked for.
type Order string

// The orders: by time of request, or by amount.
const (
	Newest   Order = "newest"
	Oldest   Order = "oldest"
	Largest  Order = "largest"
	Smallest Order = "smallest"
)

// Role says what a part of the text was taken for.
type Role string

// The roles a part of the text can have.
const (
	RoleStatus   Role = "status"
	RoleMerchant Role = "merchant"
	RolePayment  Role = "payment"
	RoleKey      Role = "key"
	RoleAmount   Role = "amount"
	RoleCurrency Role = "currency"
	RoleTime     Role = "time"
	RoleOrder    Role = "order"
	RoleLimit    Role = "limit"
	RoleNegation Role = "negation"
	RoleJoin     Role = "join"
	RoleFiller   Role = "filler" // without meaning; see [Fillers]
)

// Span is a part of the text, Start and End in bytes, and its role.
type Span struct {
	Start, End int
	Role       Role
}

// Bound is one end of a range of amounts.
type Bound struct {
	Amount    Amount
	Inclusive bool
}

// Parse reads a filter. An empty text is the Query without conditions.
//
// An error is an [*UnknownWord], or a [*Refusal] which says what else is in
// the way; the text of either is fit for the user.
func Parse(text string) (Query, error) {
	if err := checkText(text); err != nil {
		return Query{}, err
	}
	p := &parser{text: text}
	if err := p.run(); err != nil {
		return Query{}, err
	}
	q, err := p.finish()
	if err != nil {
		return Query{}, err
	}
	return q, nil
}

// IsZero reports whether the query has no condition, order or limit.
func (q Query) IsZero() bool { return len(q.Understood()) == 0 }

// String is [Query.Understood] on one line.
func (q Query) String() string { return strings.Join(q.Understood(), "; ") }

// Understood says what was understood, a phrase for each condition, in a fixed
// order.
func (q Query) Understood() []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if len(q.Statuses) > 0 {
		add("status %s", oneOf(q.Statuses))
	}
	if len(q.NotStatuses) > 0 {
		add("status not %s", oneOf(q.NotStatuses))
	}
	if len(q.MerchantIDs) > 0 {
		add("merchant %s", oneOf(quoted(q.MerchantIDs)))
	}
	if len(q.NotMerchantIDs) > 0 {
		add("merchant not %s", oneOf(quoted(q.NotMerchantIDs)))
	}
	if len(q.PaymentIDs) > 0 {
		ids := make([]string, len(q.PaymentIDs))
		for n, id := range q.PaymentIDs {
			ids[n] = strconv.FormatInt(id, 10)
		}
		add("payment id %s", oneOf(ids))
	}
	if len(q.Keys) > 0 {
		add("idempotency key %s", oneOf(quoted(q.Keys)))
	}
	if lo, hi := q.MinAmount, q.MaxAmount; lo != nil && hi != nil && *lo == *hi {
		add("amount = %s", lo.Amount)
	} else {
		if lo != nil {
			add("amount %s %s", lo.operator('>'), lo.Amount)
		}
		if hi != nil {
			add("amount %s %s", hi.operator('<'), hi.Amount)
		}
	}
	if q.Currency != "" {
		add("currency %s", q.Currency)
	}
	if !q.Time.IsZero() {
		add("time %s", q.Time)
	}
	if q.Order != "" {
		add("order %s first", q.Order)
	}
	if q.Limit > 0 {
		add("limit %d", q.Limit)
	}
	return out
}

func (b Bound) operator(sign rune) string {
	if b.Inclusive {
		return string(sign) + "="
	}
	return string(sign)
}

// oneOf lists alternatives: A, B or C.
func oneOf(items []string) string {
	if len(items) == 1 {
		return items[0]
	}
	return strings.Join(items[:len(items)-1], ", ") + " or " + items[len(items)-1]
}

func quoted(items []string) []string {
	out := make([]string, len(items))
	for n, s := range items {
		out[n] = strconv.Quote(s)
	}
	return out
}

// And is the query that meets q and other, as when a tool is given a filter in
// words and fields beside it. What the two say about the same thing must agree
// or narrow each other; if nothing is left, that is a [*Refusal].
func (q Query) And(other Query) (Query, error) {
	out := q
	var err error
	clash := func(what string, a, b any) {
		err = errors.Join(err, &Refusal{Kind: Contradiction, Text: fmt.Sprintf("%v … %v", a, b), Reason: what + " is given twice and the two do not agree; give it once"})
	}

	not := setOf(q.NotStatuses) | setOf(other.NotStatuses)
	only := allStatuses
	if len(q.Statuses) > 0 {
		only &= setOf(q.Statuses)
	}
	if len(other.Statuses) > 0 {
		only &= setOf(other.Statuses)
	}
	out.Statuses, out.NotStatuses = nil, nil
	switch {
	case len(q.Statuses)+len(other.Statuses) == 0:
		out.NotStatuses = not.names()
	case only&^not == 0:
		clash("the status", oneOf(append(slices.Clone(q.Statuses), q.NotStatuses...)), oneOf(append(slices.Clone(other.Statuses), other.NotStatuses...)))
	default:
		out.Statuses = (only &^ not).names()
	}

	var ok bool
	if out.MerchantIDs, ok = both(q.MerchantIDs, other.MerchantIDs); !ok {
		clash("the merchant", oneOf(q.MerchantIDs), oneOf(other.MerchantIDs))
	}
	out.NotMerchantIDs = union(q.NotMerchantIDs, other.NotMerchantIDs)
	if len(out.MerchantIDs) > 0 {
		left := slices.DeleteFunc(slices.Clone(out.MerchantIDs), func(id string) bool { return slices.Contains(out.NotMerchantIDs, id) })
		if len(left) == 0 {
			clash("the merchant", oneOf(out.MerchantIDs), "not "+oneOf(out.NotMerchantIDs))
		}
		out.MerchantIDs, out.NotMerchantIDs = left, nil
	}
	if out.PaymentIDs, ok = both(q.PaymentIDs, other.PaymentIDs); !ok {
		clash("the payment id", q.PaymentIDs, other.PaymentIDs)
	}
	if out.Keys, ok = both(q.Keys, other.Keys); !ok {
		clash("the idempotency key", oneOf(q.Keys), oneOf(other.Keys))
	}

	if b := other.MinAmount; b != nil && (out.MinAmount == nil || b.tighter(*out.MinAmount, 1)) {
		out.MinAmount = b
	}
	if b := other.MaxAmount; b != nil && (out.MaxAmount == nil || b.tighter(*out.MaxAmount, -1)) {
		out.MaxAmount = b
	}
	if out.emptyAmount() {
		clash("the amount", Query{MinAmount: out.MinAmount}, Query{MaxAmount: out.MaxAmount})
	}
	if out.Currency, ok = either(q.Currency, other.Currency); !ok {
		clash("the currency", q.Currency, other.Currency)
	}
	if out.Order, ok = either(q.Order, other.Order); !ok {
		clash("the order", q.Order, other.Order)
	}
	if out.Limit, ok = either(q.Limit, other.Limit); !ok {
		clash("the limit", q.Limit, other.Limit)
	}
	if out.Time, ok = either(q.Time, other.Time); !ok {
		clash("the time", q.Time, other.Time)
	}
	out.Notes = notes(out)
	if err != nil {
		return Query{}, err
	}
	return out, nil
}

// both intersects two lists of alternatives, an empty one being no condition.
func both[T comparable](a, b []T) ([]T, bool) {
	switch {
	case len(a) == 0:
		return slices.Clone(b), true
	case len(b) == 0:
		return slices.Clone(a), true
	}
	out := slices.DeleteFunc(slices.Clone(a), func(v T) bool { return !slices.Contains(b, v) })
	return out, len(out) > 0
}

func union(a, b []string) []string {
	out := slices.Clone(a)
	for _, v := range b {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// either takes whichever of two values is given; both must then be the same.
func either[T comparable](a, b T) (T, bool) {
	var none T
	if a == none {
		return b, true
	}
	return a, b == none || a == b
}

// tighter reports whether b leaves less than c, as lower ends for dir 1 and as
// upper ends for dir -1.
func (b Bound) tighter(c Bound, dir int) bool {
	if b.Amount != c.Amount {
		return (b.Amount > c.Amount) == (dir > 0)
	}
	return !b.Inclusive
}

// emptyAmount reports whether no amount can meet both ends.
func (q Query) emptyAmount() bool {
	lo, hi := q.MinAmount, q.MaxAmount
	return lo != nil && hi != nil && (lo.Amount > hi.Amount || lo.Amount == hi.Amount && (!lo.Inclusive || !hi.Inclusive))
}

// notes says what a caller should know about an answer that may well be empty.
func notes(q Query) []string {
	if len(q.Statuses) == 0 {
		return nil
	}
	if set := setOf(q.Statuses); set&neverWritten == set {
		return []string{fmt.Sprintf("the payment system's own code never writes %s; rows in it come from somewhere else", oneOf(q.Statuses))}
	}
	return nil
}
