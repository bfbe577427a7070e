package tools

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"payops-mcp/dbquery-mcp/internal/filter"
	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/when"
)

// question is what a call of query_payments asks, from its words and its fields.
type question struct {
	understood filter.Query
	ask        paydb.PaymentQuery
	cursor     *cursor
	hash       uint64 // of all that a cursor is bound to
	resolved   *when.Range
}

func (d Deps) question(in PaymentsIn) (*question, error) {
	words, err := filter.Parse(in.Filter)
	if err != nil {
		return nil, fault.Invalidf("filter: %w", err)
	}
	fields, err := in.fields()
	if err != nil {
		return nil, err
	}
	u, err := words.And(fields)
	if err != nil {
		return nil, contradiction(words, fields, err)
	}
	for _, m := range u.MerchantIDs {
		if err := d.Scope.Check(m); err != nil {
			return nil, err
		}
	}
	q := &question{understood: u, ask: paydb.PaymentQuery{
		Statuses: u.Statuses, NotStatuses: u.NotStatuses, AnyFailed: allFailed(u.Statuses) || allFailed(u.NotStatuses),
		Merchants: u.MerchantIDs, NotMerchants: u.NotMerchantIDs, IDs: u.PaymentIDs, Keys: u.Keys,
		Min: bound(u.MinAmount), Max: bound(u.MaxAmount), Currency: u.Currency,
		Order: paydb.Order(u.Order), Limit: u.Limit, Count: true,
	}}
	if q.ask.Order == "" {
		q.ask.Order = paydb.Newest
	}
	if q.ask.Limit == 0 {
		q.ask.Limit = defaultLimit
	}
	if len(u.MerchantIDs) == 0 {
		q.ask.Merchants = d.Scope
	}
	q.hash = d.hash(q)
	q.ask.Window = func(now time.Time) (paydb.Window, error) { return q.window(now, d.Zone) }
	if in.Cursor == "" {
		return q, nil
	}
	c, err := readCursor(in.Cursor)
	switch {
	case err != nil:
		return nil, err
	case c.hash != q.hash:
		return nil, fault.Invalidf("cursor belongs to another question: give it with the arguments of the page before, or leave it out")
	case q.ask.Order.Column() == "amount" && c.position.Amount == "":
		return nil, errCursor
	}
	q.cursor, q.ask.Count = c, false
	q.ask.After = &c.position
	q.ask.Window = func(time.Time) (paydb.Window, error) { return c.window, nil }
	return q, nil
}

// contradiction names both sides in full.
func contradiction(words, fields filter.Query, err error) error {
	const next = "Say each condition once, in filter or in a field"
	if words.IsZero() {
		return fault.New(fault.Invalid, next, "the fields (%s) contradict each other: %w", foreign.Clean(fields.String(), maxSide), err)
	}
	return fault.New(fault.Invalid, next, "filter (%s) and fields (%s) contradict each other: %w",
		foreign.Clean(words.String(), maxSide), foreign.Clean(fields.String(), maxSide), err)
}

// maxSide is how much of one side of a contradiction is told, in characters.
const maxSide = 400

// fields are the conditions of the fields.
func (in PaymentsIn) fields() (q filter.Query, err error) {
	for _, s := range in.Status {
		some, err := filter.ParseStatus(s)
		if err != nil {
			return q, fault.Invalidf("status: %w", err)
		}
		q.Statuses = append(q.Statuses, some...)
	}
	if in.MerchantID != "" {
		q.MerchantIDs = []string{in.MerchantID}
	}
	if in.PaymentID != nil {
		q.PaymentIDs = []int64{*in.PaymentID}
	}
	if in.IdempotencyKey != "" {
		q.Keys = []string{in.IdempotencyKey}
	}
	if q.MinAmount, err = whole("min_amount", in.MinAmount); err != nil {
		return q, err
	}
	if q.MaxAmount, err = whole("max_amount", in.MaxAmount); err != nil {
		return q, err
	}
	q.Currency = strings.ToUpper(in.Currency)
	if strings.ContainsFunc(q.Currency, func(r rune) bool { return r < 'A' || r > 'Z' }) {
		return q, fault.Invalidf("currency: want the three letters of a currency, e.g. KRW")
	}
	if q.Time, err = when.Parse(when.Args{TimeRange: in.TimeRange, Since: in.Since, Until: in.Until}); err != nil {
		return q, invalidTime(err)
	}
	if in.Limit != nil {
		q.Limit = *in.Limit
	}
	return q, nil
}

// invalidTime refuses a time and says how it can be said.
func invalidTime(err error) error {
	forms := when.Forms
	if e, ok := errors.AsType[*when.Error](err); ok && (e.Field == "since" || e.Field == "until") {
		forms = when.MomentForms
	}
	if strings.Contains(err.Error(), forms) {
		return fault.Invalidf("%w", err)
	}
	return fault.New(fault.Invalid, "It can be said as "+forms, "%w", err)
}

func whole(name string, n *int64) (*filter.Bound, error) {
	if n == nil {
		return nil, nil
	}
	amount, _, err := filter.ParseAmount(strconv.FormatInt(*n, 10))
	if err != nil {
		return nil, fault.Invalidf("%s: %w", name, err)
	}
	return &filter.Bound{Amount: amount, Inclusive: true}, nil
}

func bound(b *filter.Bound) *paydb.AmountBound {
	if b == nil {
		return nil
	}
	return &paydb.AmountBound{Value: b.Amount.String(), Inclusive: b.Inclusive}
}

// allFailed reports whether every failed status that is known was asked for: then
// those that are not known are meant, too.
func allFailed(statuses []string) bool {
	for _, s := range filter.Families()["failed"] {
		if !slices.Contains(statuses, s) {
			return false
		}
	}
	return true
}

// window resolves the time that was asked for by the database's clock.
func (q *question) window(now time.Time, zone *time.Location) (paydb.Window, error) {
	r, err := q.understood.Time.At(now, zone)
	if err != nil {
		return paydb.Window{}, invalidTime(err)
	}
	q.resolved = &r
	return paydb.Window{Since: r.Since, Until: r.Until}, nil
}
