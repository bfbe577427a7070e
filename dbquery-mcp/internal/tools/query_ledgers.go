package tools

import (
	"context"
	"time"

	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
	"payops-mcp/shared/tool"
)

// LedgersIn are the arguments of query_ledgers.
type LedgersIn struct {
	QueryType  string `json:"query_type" jsonschema:"by_payment: its postings; by_merchant: its payments with what was posted; by_account and totals: sums" enum:"by_payment,by_merchant,by_account,totals"`
	PaymentID  *int64 `json:"payment_id,omitempty" jsonschema:"for by_payment; each shard counts its own" min:"1"`
	MerchantID string `json:"merchant_id,omitempty" jsonschema:"for by_merchant; narrows by_account and totals" min:"1" max:"100"`
	TimeRange  string `json:"time_range,omitempty" jsonschema:"when the payments were requested: 2h, today, 지난 1시간, all; default last 24 h, with merchant_id all" min:"1" max:"100"`
	Since      string `json:"since,omitempty" jsonschema:"RFC 3339 or local: 14:00" min:"1" max:"100"`
	Until      string `json:"until,omitempty" jsonschema:"as since" min:"1" max:"100"`
	Limit      *int   `json:"limit,omitempty" jsonschema:"postings or payments a page, default 10" min:"1" max:"200"`
	Cursor     string `json:"cursor,omitempty" jsonschema:"of the page before, with the same arguments" min:"1" max:"2000"`
}

// LedgersData is what query_ledgers answers. Captured is what was debited to
// merchant_receivable and credited to cash, refunded the other way round.
type LedgersData struct {
	Sums     []LedgerSum     `json:"sums"`
	Accounts []AccountSum    `json:"accounts,omitempty"`
	Entries  []LedgerRow     `json:"entries,omitempty"`
	Payments []PostedPayment `json:"payments,omitempty"`
	Notes    []string        `json:"notes,omitempty"`
}

// LedgerSum is what was posted in a currency; never across currencies.
type LedgerSum struct {
	Shard    string        `json:"shard"`
	Currency any           `json:"currency"` // null: postings without a payment
	Captured report.Amount `json:"captured"`
	Refunded report.Amount `json:"refunded"`
	Net      report.Amount `json:"net"`
	Other    report.Amount `json:"other"` // between accounts that nobody knows
	Count    int64         `json:"count"`
}

// AccountSum is what moved on an account, on all shards.
type AccountSum struct {
	Account  any           `json:"account"` // a known one as a word, any other as foreign text
	Currency any           `json:"currency"`
	Debit    report.Amount `json:"debit"`
	Credit   report.Amount `json:"credit"`
	Balance  report.Amount `json:"debit_less_credit"`
	Count    int64         `json:"count"`
}

// LedgerRow is a posting.
type LedgerRow struct {
	Shard  string        `json:"shard"`
	Entry  int64         `json:"entry_id"`
	Debit  any           `json:"debit_account"`
	Credit any           `json:"credit_account"`
	Amount report.Amount `json:"amount"`
	At     *time.Time    `json:"occurred_at"`
}

// PostedPayment is a payment and what was posted for it.
type PostedPayment struct {
	Shard       string         `json:"shard"`
	ID          int64          `json:"payment_id"`
	Merchant    foreign.Text   `json:"merchant_id"`
	Status      any            `json:"status"`
	Currency    any            `json:"currency"`
	Amount      *report.Amount `json:"amount"`
	Captured    report.Amount  `json:"captured"`
	Refunded    report.Amount  `json:"refunded"`
	Count       int            `json:"postings"`
	RequestedAt *time.Time     `json:"requested_at"`
}

// The kinds of question.
const (
	byPayment  = "by_payment"
	byMerchant = "by_merchant"
	byAccount  = "by_account"
)

func (d Deps) handleQueryLedgers(ctx context.Context, in LedgersIn) (report.Answer[LedgersData], error) {
	switch {
	case in.QueryType == byPayment && in.PaymentID == nil:
		return report.Answer[LedgersData]{}, fault.Invalidf("payment_id: by_payment needs it")
	case in.QueryType != byPayment && in.PaymentID != nil:
		return report.Answer[LedgersData]{}, fault.New(fault.Invalid, "Say query_type by_payment", "payment_id belongs to by_payment, not to %s", in.QueryType)
	case in.QueryType == byMerchant && in.MerchantID == "":
		return report.Answer[LedgersData]{}, fault.Invalidf("merchant_id: by_merchant needs it")
	case in.QueryType == byPayment && (in.MerchantID != "" || in.TimeRange+in.Since+in.Until != ""):
		return report.Answer[LedgersData]{}, fault.New(fault.Invalid, "Leave merchant_id and times out", "by_payment is asked by the payment id alone")
	}
	if in.MerchantID != "" {
		if err := d.Scope.Check(in.MerchantID); err != nil {
			return report.Answer[LedgersData]{}, err
		}
	}
	var a report.Answer[LedgersData]
	var ran []catalog.Code
	var err error
	if in.QueryType == byPayment {
		a, ran, err = d.ledgerOfPayment(ctx, in)
	} else {
		a, ran, err = d.ledgerSums(ctx, in)
	}
	if err != nil {
		return a, err
	}
	a.Conclude(ran...)
	if a.Verdict == catalog.OK {
		a.Because = "every shard answered; a list does not judge the postings in it, reconciliation_check does"
	}
	return a, nil
}

func (d Deps) queryLedgers() tool.Tool {
	return tool.Read(tool.Spec{
		Name:  "query_ledgers",
		Title: "Read the ledger",
		Description: "What the ledger has, on all shards: the postings of a payment, a merchant's payments with what was captured and refunded for each, or sums and net by currency and by account. " +
			"Reach for it to see what was booked for somebody, or to give finance a figure. " +
			"It shows what stands there; whether that is right, reconciliation_check says.",
		Examples: []string{
			`{"query_type":"by_payment","payment_id":123}`,
			`{"query_type":"by_merchant","merchant_id":"MERCHANT-8","time_range":"7d"}`,
			`{"query_type":"totals"}`,
			`{"query_type":"by_account","time_range":"today"}`,
		},
	}, d.handleQueryLedgers)
}
