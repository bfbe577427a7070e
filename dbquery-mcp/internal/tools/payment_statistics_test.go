package tools_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"payops-mcp/dbquery-mcp/internal/dbtest"
	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/dbquery-mcp/internal/tools"
	"payops-mcp/shared/tooltest"
)

// statisticsData is what a client sees of statistics.
type statisticsData struct {
	Success []struct {
		Shard                                       string
		Payments, Succeeded, Failed, Pending, Other int64
		Rate                                        *float64 `json:"success_percent"`
	}
	ByCurrency []struct {
		Currency, Amount string
		Succeeded        string `json:"succeeded_amount"`
		Failed           string `json:"failed_amount"`
		Count            int64
		Before           *int64 `json:"count_before"`
	} `json:"by_currency"`
	ByStatus []struct {
		Status, Currency, Amount string
		Count                    int64
	} `json:"by_status"`
	ByShard []struct {
		Shard, Currency, Amount string
		Count                   int64
	} `json:"by_shard"`
	Merchants []struct {
		Merchant string `json:"merchant_id"`
		Count    int64
		Amount   string
	} `json:"top_merchants"`
	Series []struct {
		From     time.Time
		Payments *int64
		Failed   *int64
		Before   *int64 `json:"payments_before"`
	}
	Step   string
	Before *struct {
		Window   string
		Payments int64
		Change   *float64 `json:"payments_change_percent"`
	}
	Notes []string
}

func (r rig) statistics(t *testing.T, args string) (tooltest.Answer[statisticsData], string) {
	t.Helper()
	res := r.client.Call(t, "payment_statistics", args)
	return tooltest.Decode[statisticsData](t, res), res.Text
}

func TestPaymentStatistics(t *testing.T) {
	db := whole(t)
	n := now(t, db)
	ago := func(m int) time.Time { return n.Add(-time.Duration(m) * time.Minute) }
	db.Insert(t, 1,
		dbtest.Payment{Merchant: "M-8", Amount: 1000, At: ago(1)},
		dbtest.Payment{Merchant: "M-8", Amount: 500, Status: "REFUNDED", At: ago(2)},
		dbtest.Payment{Merchant: "M-8", Amount: 250, Status: "REFUND_FAILED", At: ago(20)},
		dbtest.Payment{Merchant: "M-10", Amount: 99, Status: "CAPTURE_FAILED", At: ago(30)},
		dbtest.Payment{Merchant: "M-10", Amount: 7, Currency: "USD", Status: "CAPTURE_REQUESTED", At: ago(31)},
		dbtest.Payment{Merchant: "M-10", Amount: 7, Currency: "USD", Status: "CANCELLED", At: ago(31)},
		dbtest.Payment{Merchant: "M-10", Amount: 1, At: ago(61)})
	db.Insert(t, 2,
		dbtest.Payment{Merchant: "M-7", Amount: 9007199254740993, At: ago(5)},
		dbtest.Payment{Merchant: "M-7", Amount: 3, Status: "SETTLE_FAILED", At: ago(6)}, // nobody told us of this one
		dbtest.Payment{Merchant: "M-7", Amount: 2, At: ago(62)}, dbtest.Payment{Merchant: "M-7", Amount: 2, At: ago(119)}, dbtest.Payment{Merchant: "M-7", Amount: 2, At: ago(121)})
	r := connect(t, db)
	for _, phrase := range []string{"last_hour", "last hour", "1h", "지난 1시간"} {
		a, text := r.statistics(t, `{"time_range":"`+phrase+`"}`)
		d := a.Data
		if a.Verdict != "ok" || len(d.Success) != 3 {
			t.Fatal(text)
		}
		one, two, both := d.Success[0], d.Success[1], d.Success[2]
		if one.Payments != 6 || one.Succeeded != 3 || one.Failed != 1 || one.Pending != 1 || one.Other != 1 || *one.Rate != 75 ||
			two.Payments != 2 || two.Failed != 1 || *two.Rate != 50 || both.Shard != "all" || both.Payments != 8 || *both.Rate != 66.67 {
			t.Errorf("%s: %+v", phrase, d.Success)
		}
		if len(d.ByCurrency) != 2 || d.ByCurrency[0].Amount != "9007199254742845" || d.ByCurrency[0].Succeeded != "9007199254742743" || d.ByCurrency[0].Failed != "102" || *d.ByCurrency[0].Before != 3 || d.ByCurrency[1].Amount != "14" || *d.ByCurrency[1].Before != 0 {
			t.Errorf("%s: %+v", phrase, d.ByCurrency)
		}
		if len(d.Merchants) == 0 || d.Merchants[0].Merchant != "M-8" || d.Merchants[0].Count != 3 || d.Merchants[0].Amount != "1750" {
			t.Errorf("%s: %+v", phrase, d.Merchants)
		}
		if d.Before == nil || d.Before.Payments != 3 || *d.Before.Change != 166.7 {
			t.Errorf("%s: before %+v", phrase, d.Before)
		}
		if d.Step != "10m" || len(d.Series) != 6 || d.Series[0].From.Sub(n.Add(-time.Hour)).Abs() > 2*time.Second {
			t.Errorf("%s: series of %s: %+v", phrase, d.Step, d.Series)
		}
		var sum, before, failed int64
		for _, s := range d.Series {
			sum, before, failed = sum+*s.Payments, before+*s.Before, failed+*s.Failed
		}
		if sum != 8 || before != 3 || failed != 2 {
			t.Errorf("%s: the series has %d payments, %d failed, %d before", phrase, sum, failed, before)
		}
		says(t, text, "8 payments, KRW 9,007,199,254,742,845, USD 14; success 66.67% (4 of 6 decided); before: 3 payments, success 100%", "captured (a refund since changes nothing) / (captured + failed", "+09:00")
		if len(text) > 3600 {
			t.Errorf("the answer has %d bytes", len(text))
		}
	}
}

// A grouping alone is answered at length, and nothing beside it.
func TestStatisticsGroupedBy(t *testing.T) {
	db := whole(t)
	n := now(t, db)
	for i := range 8 {
		db.Insert(t, 1, dbtest.Payment{Merchant: fmt.Sprintf("M-%d", 2*i), Amount: 10, At: n.Add(-time.Duration(i) * time.Minute)})
	}
	r := connect(t, db)
	for group, want := range map[string][4]int{ // statuses, shards, merchants, steps
		"status": {1, 0, 0, 0}, "shard": {0, 1, 0, 0}, "merchant": {0, 0, 7, 0}, "time": {0, 0, 0, 30}, "currency": {0, 0, 0, 0},
	} {
		a, text := r.statistics(t, `{"time_range":"1h","limit":7,"group_by":"`+group+`"}`)
		d := a.Data
		if got := [4]int{len(d.ByStatus), len(d.ByShard), len(d.Merchants), len(d.Series)}; got != want || len(d.ByCurrency) != 1 || len(d.Success) != 3 {
			t.Errorf("%s: %v, want %v\n%s", group, got, want, text)
		}
	}
}

// Two spellings are two merchants, as they are when one of them is asked for.
func TestStatisticsTellMerchantsApartToTheLetter(t *testing.T) {
	db := whole(t)
	n := now(t, db)
	for i, merchant := range []string{"M-8", "m-8", "M-8", "M-8 ", "M-8"} {
		db.Insert(t, 1, dbtest.Payment{Merchant: merchant, Amount: int64(1) << i, At: n.Add(-time.Duration(i) * time.Second)})
	}
	r := connect(t, db)
	for args, want := range map[string]string{
		`{"time_range":"1h","group_by":"merchant"}`:  "[{M-8 3 21} {M-8  1 8} {m-8 1 2}]",
		`{"time_range":"all","group_by":"merchant"}`: "[{M-8 3 21} {M-8  1 8} {m-8 1 2}]",
		`{"time_range":"1h","merchant_id":"M-8"}`:    "[{M-8 3 21}]",
		`{"time_range":"1h","merchant_id":"m-8"}`:    "[{m-8 1 2}]",
	} {
		if a, text := r.statistics(t, args); fmt.Sprint(a.Data.Merchants) != want {
			t.Errorf("%s: %v, want %s\n%s", args, a.Data.Merchants, want, text)
		}
	}
}

// All of the time has no window before it; a system without payments has a rate of
// nothing, not of 0 or 100.
func TestStatisticsOfAllTime(t *testing.T) {
	db := whole(t)
	n := now(t, db)
	r := connect(t, db)
	for _, args := range []string{`{"time_range":"all"}`, `{}`, `{"time_range":"today"}`} {
		a, text := r.statistics(t, args)
		if a.Verdict != "ok" || len(a.Data.Success) != 3 || a.Data.Success[2].Payments != 0 || a.Data.Success[2].Rate != nil || (args == `{"time_range":"all"}`) != (a.Data.Before == nil) {
			t.Errorf("%s: %s", args, text)
		}
		says(t, text, "0 payments")
	}
	db.Insert(t, 1, dbtest.Payment{Merchant: "M-8", Amount: 10, At: n.Add(-400 * 24 * time.Hour)}, dbtest.Payment{Merchant: "M-8", Amount: 10, At: n})
	db.Insert(t, 2, dbtest.Payment{Merchant: "M-7", Amount: 10, At: n.Add(-500 * 24 * time.Hour)})
	a, text := r.statistics(t, `{"time_range":"all"}`)
	if a.Data.Success[2].Payments != 3 || len(a.Data.Series) < 2 || a.Data.Before != nil {
		t.Error(text)
	}
	says(t, text, "all time, the oldest payment is of "+n.Add(-500*24*time.Hour).In(seoul).Format("2006-01-02"))
}

// Today is compared with the same hours of the day before, in the reader's zone.
func TestTodayIsComparedWithYesterday(t *testing.T) {
	db := whole(t)
	a, text := connect(t, db).statistics(t, `{}`)
	if a.Data.Before == nil || !strings.Contains(a.Data.Before.Window, "the same hours of the day before") || !strings.Contains(a.Data.Before.Window, "T00:00:00+09:00 .. ") {
		t.Error(text)
	}
}

func TestStatisticsOfADeadShard(t *testing.T) {
	db := whole(t)
	n := now(t, db)
	db.Insert(t, 1, dbtest.Payment{Merchant: "M-8", Amount: 10, At: n})
	a, text := connect(t, db, at(2, dbtest.Refused(t))).statistics(t, `{"time_range":"1h"}`)
	codes(t, a.Codes(), "DB_SHARD_UNREACHABLE", "SRC_PARTIAL_RESULT")
	says(t, text, "PARTIAL, shard2 did not answer: 1 payment, KRW 10")
	a, text = connect(t, db, at(0, dbtest.Refused(t))).statistics(t, `{}`)
	if a.Verdict != "unknown" {
		t.Error(text)
	}
	says(t, text, "no payment database answered: shard1, shard2")
}

func TestStatisticsOfOneDatabaseUnderTwoNames(t *testing.T) {
	db := whole(t)
	n := now(t, db)
	db.Insert(t, 1, dbtest.Payment{Merchant: "M-8", Amount: 10, At: n})
	a, text := connect(t, db, at(2, dbtest.Endpoint{Host: db.Shards[0].Host, Port: db.Shards[0].Port})).statistics(t, `{"time_range":"1h"}`)
	if a.Verdict != "ok" || len(a.Data.Success) != 1 || a.Data.Success[0].Payments != 1 {
		t.Error(text)
	}
}

func TestStatisticsRefusals(t *testing.T) {
	db := whole(t)
	n := now(t, db)
	db.Insert(t, 1, dbtest.Payment{Merchant: "M-8", Amount: 10, At: n}, dbtest.Payment{Merchant: "M-10", Amount: 77, At: n})
	r := connect(t, db, func(_ int, _ *paydb.Settings, d *tools.Deps) { d.Scope = []string{"M-8"} })
	for args, want := range map[string]string{
		`{"time_range":"last fortnight or so"}`: "fortnight",
		`{"group_by":"colour"}`:                 "status",
		`{"merchant_id":"M-10"}`:                "outside of this server's merchant scope",
		`{"range":"today"}`:                     "time_range",
	} {
		res := r.client.Call(t, "payment_statistics", args)
		if !res.IsError || !strings.Contains(res.Text, want) {
			t.Errorf("%s: %s", args, res.Text)
		}
	}
	a, text := r.statistics(t, `{"time_range":"1h"}`)
	if a.Data.Success[2].Payments != 1 || strings.Contains(text, "M-10") {
		t.Error(text)
	}
	says(t, text, "[this server's merchants only]", "these merchants alone are counted: M-8")
}
