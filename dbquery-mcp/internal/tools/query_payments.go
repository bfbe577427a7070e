package tools

import (
	"context"
	"time"

	"payops-mcp/dbquery-mcp/internal/diagnose"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
	"payops-mcp/shared/tool"
)

// PaymentsIn are the arguments of query_payments.
type PaymentsIn struct {
	Filter         string   `json:"filter,omitempty" jsonschema:"conditions in words, English or Korean: refunds for merchant X over 10,000 KRW today; a word that is not understood refuses the call" max:"500"`
	Status         []string `json:"status,omitempty" jsonschema:"statuses (CAPTURE_FAILED) or families: failed, pending, successful, captures, refunds, refunded" min:"1" max:"13"`
	MerchantID     string   `json:"merchant_id,omitempty" jsonschema:"to the letter" min:"1" max:"100"`
	PaymentID      *int64   `json:"payment_id,omitempty" jsonschema:"each shard counts its own" min:"1"`
	IdempotencyKey string   `json:"idempotency_key,omitempty" jsonschema:"to the letter" min:"1" max:"100"`
	MinAmount      *int64   `json:"min_amount,omitempty" jsonschema:"at least, in whole units" min:"0" max:"99999999999999"`
	MaxAmount      *int64   `json:"max_amount,omitempty" jsonschema:"at most" min:"0" max:"99999999999999"`
	Currency       string   `json:"currency,omitempty" jsonschema:"e.g. KRW" min:"3" max:"3"`
	TimeRange      string   `json:"time_range,omitempty" jsonschema:"when requested: 15m, today, yesterday 2-3pm, 지난 1시간" min:"1" max:"100"`
	Since          string   `json:"since,omitempty" jsonschema:"RFC 3339 or local: 14:00, yesterday 2pm" min:"1" max:"100"`
	Until          string   `json:"until,omitempty" jsonschema:"as since" min:"1" max:"100"`
	Limit          *int     `json:"limit,omitempty" jsonschema:"payments a page, default 10" min:"1" max:"200"`
	Cursor         string   `json:"cursor,omitempty" jsonschema:"of the page before, with the same arguments" min:"1" max:"300"`
	Detail         string   `json:"detail,omitempty" jsonschema:"full adds key, updated_at, and totals by shard and status" enum:"brief,full" default:"brief"`
}

const (
	defaultLimit = 10
	full         = "full"
)

// PaymentsData is what query_payments answers.
type PaymentsData struct {
	Filter     Echo          `json:"filter"`
	Payments   []PaymentRow  `json:"payments"`
	Matched    *int64        `json:"matched"`               // all that match, on every page
	NotCounted string        `json:"not_counted,omitempty"` // why Matched is null, or what it leaves out
	ByShard    []SumOfShard  `json:"by_shard,omitempty"`    // never across currencies
	ByStatus   []SumOfStatus `json:"by_status,omitempty"`   // of all shards
	Sums       []SumOfBoth   `json:"by_both,omitempty"`     // with detail: full, in place of the two
	Notes      []string      `json:"notes,omitempty"`
}

// Echo is the filter as it was understood.
type Echo struct {
	Status      []string       `json:"status,omitempty"`
	NotStatus   []string       `json:"not_status,omitempty"`
	Merchant    []foreign.Text `json:"merchant_id,omitempty"`
	NotMerchant []foreign.Text `json:"not_merchant_id,omitempty"`
	PaymentID   []int64        `json:"payment_id,omitempty"`
	Key         []foreign.Text `json:"idempotency_key,omitempty"`
	Amount      []string       `json:"amount,omitempty"` // "over 10000"
	Currency    string         `json:"currency,omitempty"`
	Time        string         `json:"time,omitempty"` // as it was said; its ends are coverage's window
	Order       string         `json:"order"`
	Limit       int            `json:"limit"`
}

// PaymentRow is a payment. Its id is one of its shard.
type PaymentRow struct {
	Shard       string         `json:"shard"`
	ID          int64          `json:"payment_id"`
	Merchant    foreign.Text   `json:"merchant_id"`
	Status      any            `json:"status"` // a known one as a word, any other as foreign text
	Amount      *report.Amount `json:"amount"` // as stored; decimal digits, never a float; null for NULL
	Currency    any            `json:"currency"`
	RequestedAt *time.Time     `json:"requested_at"`
	UpdatedAt   *time.Time     `json:"updated_at,omitempty"`
	Key         *foreign.Text  `json:"idempotency_key,omitempty"`
}

// SumOfShard is what matches on a shard.
type SumOfShard struct {
	Shard    string        `json:"shard"`
	Currency any           `json:"currency"`
	Count    int64         `json:"count"`
	Amount   report.Amount `json:"amount"`
}

// SumOfStatus is what matches of a status.
type SumOfStatus struct {
	Status   any           `json:"status"`
	Currency any           `json:"currency"`
	Count    int64         `json:"count"`
	Amount   report.Amount `json:"amount"`
}

// SumOfBoth is what matches of a status on a shard.
type SumOfBoth struct {
	Shard    string        `json:"shard"`
	Status   any           `json:"status"`
	Currency any           `json:"currency"`
	Count    int64         `json:"count"`
	Amount   report.Amount `json:"amount"`
}

func (d Deps) handleQueryPayments(ctx context.Context, in PaymentsIn) (report.Answer[PaymentsData], error) {
	var a report.Answer[PaymentsData]
	q, err := d.question(in)
	if err != nil {
		return a, err
	}
	replies, window, err := d.DB.Payments(ctx, q.ask)
	if err != nil {
		return a, err
	}
	p := d.page(q, replies, window)
	if p.empty() {
		if err := d.lookAround(ctx, q, &p); err != nil {
			return a, err
		}
	}
	found, ran := diagnose.Judge(p.facts())
	a.Findings = found
	for _, r := range replies {
		a.Sources = append(a.Sources, r.Source)
	}
	a.Coverage, a.Data, a.AsOf = p.coverage(), p.data(in.Detail == full), p.asOf()
	a.Summary, a.Because = p.summary(), p.meant
	a.Conclude(ran...)
	if a.Verdict == catalog.OK {
		a.Because = "every shard answered; a list does not judge the payments in it"
	}
	return a, nil
}

func (d Deps) queryPayments() tool.Tool {
	return tool.Read(tool.Spec{
		Name:  "query_payments",
		Title: "Find payments",
		Description: "Lists payments of all shards, newest first, by conditions in words (filter) or fields, with counts and sums per currency. " +
			"Reach for it to see which payments failed, what a merchant did, or one payment by id or key; `failed` means every failed status there is, and times are when a payment was requested. " +
			"It sees the payment table alone: not ledger, outbox or settlement.",
		Examples: []string{
			`{"filter":"failed payments last hour"}`,
			`{"filter":"refunds for merchant X over 10,000 KRW today"}`,
			`{"filter":"지난 1시간 동안 실패한 결제"}`,
			`{"status":["failed"],"merchant_id":"MERCHANT-8","time_range":"15m","limit":20}`,
			`{"payment_id":123,"detail":"full"}`,
		},
	}, d.handleQueryPayments)
}
