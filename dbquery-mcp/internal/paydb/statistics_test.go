package paydb

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"payops-mcp/dbquery-mcp/internal/dbtest"
	"payops-mcp/shared/fault"
)

func statisticsOf(t testing.TB, db *DB, q StatisticsQuery) ([]Reply[Statistics], []Window) {
	t.Helper()
	replies, parts, _, err := db.Statistics(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return replies, parts
}

func parts(all ...Window) func(StatisticsBegin) ([]Window, error) {
	return func(StatisticsBegin) ([]Window, error) { return all, nil }
}

// Every payment is counted once, in its part of the time: a part holds its
// beginning and not its end.
func TestStatistics(t *testing.T) {
	db := dbtest.New(t)
	noon := base
	db.Insert(t, 1,
		dbtest.Payment{Merchant: "M-8", Amount: 10, At: noon},
		dbtest.Payment{Merchant: "M-8", Amount: 20, At: noon.Add(time.Hour - time.Millisecond)},
		dbtest.Payment{Merchant: "M-10", Amount: 9007199254740993, At: noon.Add(time.Hour)},
		dbtest.Payment{Merchant: "M-10", Amount: 5, Currency: "USD", Status: "CAPTURE_FAILED", At: noon.Add(90 * time.Minute)},
		dbtest.Payment{Merchant: "M-10", Amount: 7, At: noon.Add(2 * time.Hour)})
	db.Insert(t, 2, dbtest.Payment{Merchant: "M-7", Amount: 1, Status: "NEVER_HEARD_OF", At: noon.Add(-time.Hour)})
	conn := openDB(t, db)
	var done, total int
	q := StatisticsQuery{
		Plan:     parts(Window{Since: noon, Until: noon.Add(time.Hour)}, Window{Since: noon.Add(time.Hour), Until: noon.Add(2 * time.Hour)}, Window{}),
		Progress: func(d, n int) { done, total = max(done, d), n },
	}
	replies, _ := statisticsOf(t, conn, q)
	want := [][]map[string]string{
		{{"CAPTURED KRW M-8": "2 30"}, {"CAPTURED KRW M-10": "1 9007199254740993", "CAPTURE_FAILED USD M-10": "1 5"},
			{"CAPTURED KRW M-8": "2 30", "CAPTURED KRW M-10": "2 9007199254741000", "CAPTURE_FAILED USD M-10": "1 5"}},
		{{}, {}, {"NEVER_HEARD_OF KRW M-7": "1 1"}},
	}
	for i, r := range replies {
		for j, p := range r.Facts.Parts {
			got := map[string]string{}
			for _, g := range p.Groups {
				got[string(g.Status+" "+g.Currency+" "+g.Merchant)] = fmt.Sprint(g.Count, " ", g.Amount.String())
			}
			if !p.Counted || !maps.Equal(got, want[i][j]) {
				t.Errorf("shard %d, part %d: %v, want %v", i+1, j, got, want[i][j])
			}
		}
	}
	if done != 6 || total != 6 {
		t.Errorf("progress %d of %d, want 6 of 6", done, total)
	}
	// One merchant, to the letter, by its own index.
	q.Merchants = []string{"M-10"}
	replies, _ = statisticsOf(t, conn, q)
	if p := replies[0].Facts.Parts[0]; len(p.Groups) != 0 || !p.Counted {
		t.Errorf("M-10 in the first hour: %+v", p)
	}
	if p := replies[0].Facts.Parts[1]; len(p.Groups) != 2 {
		t.Errorf("M-10 in the second hour: %+v", p)
	}
	q.Merchants = []string{"m-10"}
	if replies, _ = statisticsOf(t, conn, q); len(replies[0].Facts.Parts[2].Groups) != 0 {
		t.Error("another spelling is another merchant")
	}
	q.Merchants = nil
	var begin StatisticsBegin
	q.Plan = func(b StatisticsBegin) ([]Window, error) { begin = b; return []Window{{}}, nil }
	statisticsOf(t, conn, q)
	if !begin.Oldest.Equal(noon.Add(-time.Hour)) || time.Since(begin.Now).Abs() > time.Hour {
		t.Errorf("it begins with %+v", begin)
	}
}

// A part that takes too long is not counted, and the others are; a shard that is
// gone counts nothing.
func TestStatisticsThatTakeTooLong(t *testing.T) {
	db := dbtest.New(t)
	db.Fill(t, 20000)
	slow := openDB(t, db, func(_ int, _ *Settings, o *Options) { o.StatementTimeout = 2 * time.Millisecond })
	now := time.Now()
	replies, _ := statisticsOf(t, slow, StatisticsQuery{Plan: parts(Window{Since: now.Add(time.Hour), Until: now.Add(2 * time.Hour)}, Window{Since: now.Add(-24 * time.Hour), Until: now})})
	for _, r := range replies {
		switch {
		case !r.Source.OK(): // even the first question took too long
			if r.Source.Err.Class != fault.Timeout {
				t.Errorf("%v", r.Source.Err)
			}
		case r.Facts.Parts[1].Counted || r.Facts.Parts[1].Failure == nil || r.Facts.Parts[1].Failure.Class != fault.Timeout:
			t.Errorf("20,000 payments were counted in 2 ms: %+v", r.Facts.Parts[1].Failure)
		}
	}
	dead := openDB(t, db, at(2, dbtest.Refused(t)))
	replies, _ = statisticsOf(t, dead, StatisticsQuery{Plan: parts(Window{Since: now.Add(-24 * time.Hour), Until: now})})
	if replies[1].Source.OK() || len(replies[1].Facts.Parts) > 0 || !replies[0].Facts.Parts[0].Counted {
		t.Errorf("%+v", replies)
	}
}

// Without the index the table is read, and that is said.
func TestStatisticsWithoutIndexes(t *testing.T) {
	db := dbtest.New(t)
	db.Insert(t, 1, dbtest.Payment{Merchant: "M-8", Amount: 10, At: base})
	db.Grant(t, "ALTER TABLE payment DROP INDEX ix_status_time, DROP INDEX ix_merchant_time")
	for _, q := range []StatisticsQuery{{}, {Merchants: []string{"M-8"}}} {
		q.Plan = parts(Window{Since: base, Until: base.Add(time.Second)})
		replies, _ := statisticsOf(t, openDB(t, db), q)
		if f := replies[0].Facts; !f.Scans || len(f.Parts[0].Groups) != 1 {
			t.Errorf("%+v", f)
		}
	}
}

// More groups than are told apart are still counted, without merchants.
func TestStatisticsOfVeryManyMerchants(t *testing.T) {
	db := dbtest.New(t)
	db.Shards[0].Exec(t, `INSERT INTO payment (merchant_id, amount, currency, status, idempotency_key, requested_at, updated_at)
SELECT CONCAT('M', seq), 1, 'KRW', 'CAPTURED', 'k', ?, ? FROM seq_1_to_20001`, base, base)
	replies, _ := statisticsOf(t, openDB(t, db), StatisticsQuery{Plan: parts(Window{Since: base, Until: base.Add(time.Second)})})
	p := replies[0].Facts.Parts[0]
	if !p.NoMerchants || len(p.Groups) != 1 || p.Groups[0].Count != 20001 || p.Groups[0].Amount.String() != "20001" {
		t.Errorf("%v, %d groups", p.NoMerchants, len(p.Groups))
	}
}
