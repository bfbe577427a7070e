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

// StatisticsIn are the arguments of payment_statistics.
type StatisticsIn struct {
	TimeRange  string `json:"time_range,omitempty" jsonschema:"when requested: today (default), last_hour, last_24h, all, 7d, yesterday, 지난 1시간" min:"1" max:"100"`
	Since      string `json:"since,omitempty" jsonschema:"RFC 3339 or local: 14:00, yesterday 2pm" min:"1" max:"100"`
	Until      string `json:"until,omitempty" jsonschema:"as since" min:"1" max:"100"`
	GroupBy    string `json:"group_by,omitempty" jsonschema:"one grouping at length instead of all in short; time has finer steps, shard the amounts of each" enum:"status,merchant,currency,shard,time"`
	MerchantID string `json:"merchant_id,omitempty" jsonschema:"one merchant alone, to the letter" min:"1" max:"100"`
	Limit      *int   `json:"limit,omitempty" jsonschema:"merchants shown, default 3, with group_by merchant 10" min:"1" max:"200"`
}

const defaultStatisticsRange = "today"

// StatisticsData is what payment_statistics answers. Amounts are never added up
// across currencies.
type StatisticsData struct {
	Total      []SuccessRow     `json:"success"` // of each shard and of all
	ByCurrency []CurrencyRow    `json:"by_currency"`
	ByStatus   []SumOfStatus    `json:"by_status,omitempty"`
	ByShard    []SumOfShard     `json:"by_shard,omitempty"` // with group_by: shard
	Merchants  []MerchantRow    `json:"top_merchants,omitempty"`
	Series     []StatisticsStep `json:"series,omitempty"`
	Step       string           `json:"step,omitempty"` // of the series
	Before     *BeforeRow       `json:"before"`         // null: there is no window before it
	Definition string           `json:"success_rate_is"`
	Notes      []string         `json:"notes,omitempty"`
}

// SuccessRow is what became of payments.
type SuccessRow struct {
	Shard     string   `json:"shard"` // or all
	Payments  int64    `json:"payments"`
	Succeeded int64    `json:"succeeded"`
	Failed    int64    `json:"failed"`
	Pending   int64    `json:"pending"`
	Other     int64    `json:"other"`
	Rate      *float64 `json:"success_percent"` // null: none has succeeded or failed
}

// CurrencyRow is one currency's payments, and what of it succeeded.
type CurrencyRow struct {
	Currency  any           `json:"currency"`
	Count     int64         `json:"count"`
	Amount    report.Amount `json:"amount"`
	Succeeded report.Amount `json:"succeeded_amount"`
	Failed    report.Amount `json:"failed_amount"`
	Before    *int64        `json:"count_before"`
}

// MerchantRow is one merchant's payments in one currency.
type MerchantRow struct {
	Merchant foreign.Text  `json:"merchant_id"`
	Currency any           `json:"currency"`
	Count    int64         `json:"count"`
	Amount   report.Amount `json:"amount"`
	Failed   int64         `json:"failed"`
	Rate     *float64      `json:"success_percent"`
}

// StatisticsStep is a part of the time. null was not counted.
type StatisticsStep struct {
	From     time.Time `json:"from"`
	Payments *int64    `json:"payments"`
	Failed   *int64    `json:"failed"`
	Rate     *float64  `json:"success_percent"`
	Before   *int64    `json:"payments_before"` // the same part of the window before
}

// BeforeRow is the same window before it.
type BeforeRow struct {
	Window   string   `json:"window"`
	Payments int64    `json:"payments"`
	Rate     *float64 `json:"success_percent"`
	Change   *float64 `json:"payments_change_percent"` // null: there were none before
	Whole    bool     `json:"counted_whole"`           // false: numbers are lower bounds
}

func (d Deps) handlePaymentStatistics(ctx context.Context, in StatisticsIn) (report.Answer[StatisticsData], error) {
	var a report.Answer[StatisticsData]
	q, err := d.statisticsQuestion(in)
	if err != nil {
		return a, err
	}
	q.ask.Progress = func(done, total int) { tool.Progress(ctx, float64(done), float64(total), "parts of the time counted") }
	replies, parts, begin, err := d.DB.Statistics(ctx, q.ask)
	if err != nil {
		return a, err
	}
	s := statistics{deps: d, question: q, replies: replies, parts: parts}
	facts := diagnose.Statistics{}
	for _, r := range replies {
		if !r.Clock.Database.IsZero() {
			r.Clock.Database = r.Clock.Database.In(d.Zone)
		}
		facts.Asked, facts.Facts, facts.Newest = append(facts.Asked, r.Asked), append(facts.Facts, r.Facts), append(facts.Newest, r.Facts.Newest)
		a.Sources = append(a.Sources, r.Source)
	}
	var ran []catalog.Code
	a.Findings, ran, a.Because = diagnose.JudgeStatistics(facts)
	a.Data, a.Coverage, a.Summary = s.data(), s.coverage(), s.summary()
	if !begin.Now.IsZero() {
		a.AsOf = begin.Now.In(d.Zone)
	}
	a.Conclude(ran...)
	if a.Verdict == catalog.OK {
		a.Because = "every shard answered; numbers do not judge themselves"
	}
	return a, nil
}

func (d Deps) paymentStatistics() tool.Tool {
	return tool.Read(tool.Spec{
		Name:  "payment_statistics",
		Title: "Count payments",
		Description: "How many payments, how much per currency, by status, shard and merchant, the success rate and a series over time beside the same window before it, over all shards. " +
			"Reach for it to see whether traffic, amounts or success changed, and for whom. " +
			"It counts the payment table alone and does not say why; a payment counts when it was requested.",
		Examples: []string{
			`{}`, `{"time_range":"last_hour"}`, `{"time_range":"last_24h","group_by":"merchant","limit":20}`, `{"time_range":"all"}`, `{"time_range":"yesterday","merchant_id":"MERCHANT-8"}`,
		},
	}, d.handlePaymentStatistics)
}
