package tools

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"payops-mcp/dbquery-mcp/internal/diagnose"
	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/dbquery-mcp/internal/shard"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
	"payops-mcp/shared/tool"
)

// ReconciliationIn are the arguments of reconciliation_check.
type ReconciliationIn struct {
	Scope      string   `json:"scope,omitempty" jsonschema:"recent: the last 24 h, and never fewer than the newest 100000 payments a shard; all; or payment ids: 1000-2000. Default recent, with merchant_id all" min:"1" max:"50"`
	MerchantID string   `json:"merchant_id,omitempty" jsonschema:"to the letter: this merchant's payments alone" min:"1" max:"100"`
	TimeRange  string   `json:"time_range,omitempty" jsonschema:"with recent or a merchant, when requested: 2h, yesterday" min:"1" max:"100"`
	Since      string   `json:"since,omitempty" jsonschema:"RFC 3339 or local: 14:00" min:"1" max:"100"`
	Until      string   `json:"until,omitempty" jsonschema:"as since" min:"1" max:"100"`
	Checks     []string `json:"checks,omitempty" jsonschema:"compare the ledger (always), settlement and refund requests, and find who waits for one; default all" enum:"ledger,settlement,refund" min:"1" max:"3"`
	Snapshot   bool     `json:"snapshot,omitempty" jsonschema:"read each shard as of one moment; the database keeps old versions for as long"`
	Pace       string   `json:"pace,omitempty" jsonschema:"gentle rests between chunks as long as each took, for a busy database" enum:"full,gentle" default:"full"`
	Limit      *int     `json:"limit,omitempty" jsonschema:"exceptions listed, default 3" min:"1" max:"200"`
	Cursor     string   `json:"cursor,omitempty" jsonschema:"of the part before, with the same arguments" min:"1" max:"2000"`
	Detail     string   `json:"detail,omitempty" jsonschema:"full adds the ids of all exceptions by finding" enum:"brief,full" default:"brief"`
}

// ReconciliationData is what reconciliation_check answers. Every id is one of its shard.
type ReconciliationData struct {
	Shards     []ReconciledShard `json:"shards"`
	Exceptions []ExceptionRow    `json:"exceptions,omitempty"`
	Count      int64             `json:"exceptions_in_all"`
	IDs        []IDsOfCode       `json:"ids,omitempty"` // with detail: full
	Control    []ControlTotal    `json:"control_totals"`
	Notes      []string          `json:"notes,omitempty"`
}

// ReconciledShard is what was compared on a shard.
type ReconciledShard struct {
	Shard       string `json:"shard"`
	IDs         string `json:"payment_ids"`
	Payments    int64  `json:"payments"`
	Postings    int64  `json:"postings"`
	Settlements *int64 `json:"settlements"` // null: not compared
	Refunds     *int64 `json:"refunds"`
	InFlight    int64  `json:"in_flight"` // changed within the grace, not judged
	Late        int64  `json:"right_when_read_again"`
	Through     bool   `json:"through"`
}

// ExceptionRow is a payment whose books are wrong.
type ExceptionRow struct {
	Shard    string         `json:"shard"`
	ID       int64          `json:"payment_id"`
	Codes    string         `json:"codes"`
	Merchant *foreign.Text  `json:"merchant_id"` // null: no such payment
	Status   any            `json:"status"`
	Currency any            `json:"currency"`
	Amount   *report.Amount `json:"amount"`
	Updated  *time.Time     `json:"updated_at"`
}

// IDsOfCode are the payments with an exception.
type IDsOfCode struct {
	Code  string  `json:"code"`
	Shard string  `json:"shard"`
	IDs   []int64 `json:"payment_ids"`
	More  int64   `json:"more,omitempty"` // that are counted and not kept
}

// ControlTotal is of all shards together. Debit and credit are equal by the shape of
// the ledger, whatever is wrong in it.
type ControlTotal struct {
	Currency any           `json:"currency"` // null: postings without a payment
	Captured report.Amount `json:"captured_by_status"`
	Posted   report.Amount `json:"captured_posted"`
	Refunded report.Amount `json:"refunded_by_status"`
	Reversed report.Amount `json:"refunded_posted"`
	Debit    report.Amount `json:"debit_and_credit"`
}

const (
	defaultExceptions = 3
	// newestAlways is how many payments recent holds at least.
	newestAlways = 100_000
	// recentIs is how far back recent reaches.
	recentIs = 24 * time.Hour
)

func (d Deps) handleReconciliationCheck(ctx context.Context, in ReconciliationIn) (report.Answer[ReconciliationData], error) {
	var a report.Answer[ReconciliationData]
	q, err := d.reconciliation(in)
	if err != nil {
		return a, err
	}
	q.ask.Progress = func(done, total int64) {
		tool.Progress(ctx, float64(done), float64(total), "payment ids compared")
	}
	v := reconciledView{deps: d, question: q}
	var elsewhere map[string][]paydb.Exception
	var failed [2]error
	fault.Together(
		func() { v.replies, elsewhere, failed[0] = d.reconcile(ctx, q) },
		func() { v.waiting, failed[1] = d.waiting(ctx, q) },
	)
	if err := cmp.Or(failed[0], failed[1]); err != nil {
		return a, err
	}
	v.judged = diagnose.JudgeReconciliation(v.facts(elsewhere))
	a.Findings, a.Because = slices.Concat(v.judged.Findings, v.waiting.found), v.because()
	for _, r := range v.replies {
		a.Sources = append(a.Sources, r.Source)
		if a.AsOf.IsZero() {
			a.AsOf = r.Clock.Database
		}
	}
	a.Data = v.data(in)
	a.Coverage = v.listing(len(a.Data.Exceptions))
	a.Conclude(v.ran()...)
	a.Summary = v.summary()
	if len(a.Findings) > 0 && in.Limit == nil && in.Detail != full {
		report.Shorten(&a, report.RuledOut(&a), report.FurtherSteps(a.Findings), report.Repeated(a.Findings))
	}
	return a, nil
}

// reconcile compares the books, and then looks up on the other shards the ids whose
// postings may have gone there.
func (d Deps) reconcile(ctx context.Context, q *reconciliation) ([]paydb.Reply[paydb.Reconciled], map[string][]paydb.Exception, error) {
	first, cancel := ctx, context.CancelFunc(func() {})
	if end, ok := ctx.Deadline(); ok {
		first, cancel = context.WithDeadline(ctx, end.Add(-min(1500*time.Millisecond, time.Until(end)/10)))
	}
	defer cancel()
	replies, err := d.DB.Reconcile(first, q.ask)
	if err != nil {
		return nil, nil, err
	}
	for i := range replies {
		if c := &replies[i].Clock.Database; !c.IsZero() {
			*c = c.In(d.Zone)
		}
	}
	ask := diagnose.Suspicious(replies)
	if len(ask) == 0 || len(q.ask.Merchants) > 0 {
		return replies, nil, nil
	}
	others, err := d.DB.Whole(ctx, ask, q.ask.Grace)
	if err != nil {
		return nil, nil, err
	}
	elsewhere := map[string][]paydb.Exception{}
	for _, o := range others {
		if !o.Source.OK() {
			q.unpaired = o.Shard + " did not answer when it was asked for them: " + string(o.Source.Err.Class)
			return replies, nil, nil
		}
		elsewhere[o.Shard] = o.Facts
	}
	return replies, elsewhere, nil
}

func (d Deps) reconciliationCheck() tool.Tool {
	return tool.Read(tool.Spec{
		Name:  "reconciliation_check",
		Title: "Reconcile payments and ledger",
		Description: "Compares every payment of the scope with its ledger postings, settlement and refund requests, on all shards: missing, duplicate, reversed, wrong amount, unknown account, orphan, wrong shard, against status; each exception is read again before it is told, and what changed within LEDGER_GRACE counts as in flight. Payments of the scope that wait too long for their capture or refund are found too, of whatever age where no time is given. " +
			"Reach for it when captured or refunded money may not be in the books, or after an outage; where time runs out the cursor goes on. " +
			"Control totals balance by the ledger's very shape and prove nothing; it does not see Kafka, nor why a posting is missing.",
		Examples: []string{
			`{}`,
			`{"scope":"all"}`,
			`{"scope":"1000-2000","detail":"full"}`,
			`{"merchant_id":"MERCHANT-8","time_range":"7d"}`,
			`{"scope":"recent","time_range":"2h","checks":["ledger"]}`,
		},
	}, d.handleReconciliationCheck)
}

// belongs is the payment system's rule for where a merchant lives, which knows two
// shards.
func belongs(place int, merchant string) bool { return shard.Of(merchant) == place+1 }

func contains(list []string, word string) bool { return len(list) == 0 || slices.Contains(list, word) }

func codesText(e diagnose.Exception) string {
	words := make([]string, len(e.Codes))
	for i, c := range e.Codes {
		words[i] = string(c)
	}
	return strings.Join(words, " ")
}
