package diagnose_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"payops-mcp/dbquery-mcp/internal/diagnose"
	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/report"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// answered is a shard that did.
func answered(n int) paydb.Asked {
	name := fmt.Sprintf("shard%d", n)
	return paydb.Asked{
		Shard: name, Addr: "db" + name + ":3306", Source: fault.Source{Name: "payment-db " + name},
		Clock: paydb.Clock{Database: noon, Tool: noon, Took: time.Millisecond},
	}
}

// failed is one that did not.
func failed(n int, class fault.Class, phase paydb.Phase, number uint16) paydb.Asked {
	a := answered(n)
	a.Clock = paydb.Clock{}
	a.Phase, a.Number = phase, number
	a.Source.Asked, a.Source.Err = "connect as payuser to paydb", &fault.Failure{Class: class, Said: "what it said", Next: "What to do"}
	return a
}

func with(a paydb.Asked, change func(*paydb.Asked)) paydb.Asked {
	change(&a)
	return a
}

func table(missing string) map[string]paydb.Table {
	t := paydb.Table{Name: "payment", Columns: map[string]string{
		"payment_id": "bigint(20)", "merchant_id": "varchar(32)", "amount": "bigint(20)", "currency": "char(3)", "status": "varchar(50)",
		"idempotency_key": "varchar(64)", "requested_at": "timestamp(3)", "updated_at": "timestamp(3)",
	}}
	for name, columns := range map[string][]string{
		"PRIMARY": {"payment_id"}, "uk_idem": {"merchant_id", "idempotency_key"}, "ix_status_time": {"status", "requested_at"}, "ix_merchant_time": {"merchant_id", "requested_at"},
	} {
		if name != missing {
			t.Indexes = append(t.Indexes, paydb.Index{Name: name, Unique: name == "PRIMARY" || name == "uk_idem", Columns: columns})
		}
	}
	return map[string]paydb.Table{"payment": t}
}

func TestJudge(t *testing.T) {
	refused := failed(2, fault.Unreachable, paydb.Connecting, 0)
	for name, x := range map[string]struct {
		shards  diagnose.Shards
		want    string // code severity, …
		verdict catalog.Verdict
		says    []string
	}{
		"all is well": {diagnose.Shards{Asked: []paydb.Asked{answered(1), answered(2)}}, "", catalog.OK, nil},
		"one shard":   {diagnose.Shards{Asked: []paydb.Asked{answered(1)}}, "", catalog.OK, nil},

		"shard 2 refused": {
			diagnose.Shards{Asked: []paydb.Asked{answered(1), refused}},
			"DB_SHARD_UNREACHABLE critical, SRC_PARTIAL_RESULT low", catalog.CriticalVerdict,
			[]string{"shard2 cannot be reached", "odd number", "shard1 alone", "what it said"},
		},
		"shard 1 silent": {
			diagnose.Shards{Asked: []paydb.Asked{failed(1, fault.Timeout, paydb.Connecting, 0), answered(2)}},
			"DB_SHARD_UNREACHABLE critical, SRC_PARTIAL_RESULT low", catalog.CriticalVerdict, []string{"shard1 cannot be reached", "even number"},
		},
		"shard 2 hangs up": {
			diagnose.Shards{Asked: []paydb.Asked{answered(1), failed(2, fault.Disconnected, paydb.Connecting, 0)}},
			"DB_SHARD_UNREACHABLE critical, SRC_PARTIAL_RESULT low", catalog.CriticalVerdict, nil,
		},
		"the other shard at least refuses us": {
			diagnose.Shards{Asked: []paydb.Asked{failed(1, fault.Auth, paydb.Connecting, 1045), refused}},
			"DB_SHARD_UNREACHABLE critical, SRC_DB_AUTH low", catalog.CriticalVerdict, nil,
		},
		"of three": {
			diagnose.Shards{Asked: []paydb.Asked{answered(1), refused, answered(3)}},
			"DB_SHARD_UNREACHABLE critical, SRC_PARTIAL_RESULT low", catalog.CriticalVerdict, []string{"the merchants of shard2, 1 of 3 shards", "shard1, shard3 alone"},
		},
		// Whether the databases or this machine are cut off cannot be told from here.
		"none can be reached": {
			diagnose.Shards{Asked: []paydb.Asked{failed(1, fault.Unreachable, paydb.Connecting, 0), refused}},
			"DB_SHARD_UNREACHABLE low", catalog.Unknown, []string{"no payment database can be reached", "dbshard1:3306", "dbshard2:3306"},
		},
		"the only one cannot be reached": {
			diagnose.Shards{Asked: []paydb.Asked{failed(1, fault.Unreachable, paydb.Connecting, 0)}}, "DB_SHARD_UNREACHABLE low", catalog.Unknown, nil,
		},
		"not configured": {diagnose.Shards{Asked: []paydb.Asked{failed(1, paydb.NotConfigured, paydb.Connecting, 0)}}, "", catalog.Unknown, nil},

		"wrong password": {
			diagnose.Shards{Asked: []paydb.Asked{answered(1), failed(2, fault.Auth, paydb.Connecting, 1045)}},
			"SRC_DB_AUTH low, SRC_PARTIAL_RESULT low", catalog.Unknown, []string{"shard2 does not let this server in", "What to do"},
		},
		"forbidden": {
			diagnose.Shards{Asked: []paydb.Asked{answered(1), failed(2, fault.Permission, paydb.Asking, 1142)}},
			"SRC_DB_PERMISSION low, SRC_PARTIAL_RESULT low", catalog.Unknown, []string{"shard2 forbids"},
		},
		"statement timeout": {
			diagnose.Shards{Asked: []paydb.Asked{answered(1), failed(2, fault.Timeout, paydb.Asking, 1969)}},
			"SRC_DB_TIMEOUT low, SRC_PARTIAL_RESULT low", catalog.Unknown, []string{"shard2 did not finish"},
		},
		"too many connections": {
			diagnose.Shards{Asked: []paydb.Asked{answered(1), failed(2, fault.Busy, paydb.Connecting, 1040)}},
			"DB_TOO_MANY_CONNECTIONS high, SRC_PARTIAL_RESULT low", catalog.Attention, []string{"shard2 has no connection left"},
		},
		"our own allowance is used up": {
			diagnose.Shards{Asked: []paydb.Asked{answered(1), failed(2, fault.Busy, paydb.Connecting, 1226)}},
			"DB_TOO_MANY_CONNECTIONS low, SRC_PARTIAL_RESULT low", catalog.Unknown, []string{"this server's account"},
		},
		"our own queue is full": {
			diagnose.Shards{Asked: []paydb.Asked{answered(1), failed(2, fault.Busy, paydb.Connecting, 0)}}, "SRC_PARTIAL_RESULT low", catalog.Unknown, nil,
		},
		"wrong schema name": {
			diagnose.Shards{Asked: []paydb.Asked{answered(1), failed(2, fault.WrongServer, paydb.Connecting, 1049)}}, "SRC_PARTIAL_RESULT low", catalog.Unknown, nil,
		},
		"no payment table": {
			diagnose.Shards{Asked: []paydb.Asked{answered(1), failed(2, fault.Schema, paydb.Asking, 1146)}},
			"DB_SCHEMA_DRIFT medium, SRC_PARTIAL_RESULT low", catalog.Attention, []string{"shard2 lacks"},
		},
		"an index is missing": {
			diagnose.Shards{Asked: []paydb.Asked{answered(1), with(answered(2), func(a *paydb.Asked) { a.Tables = table("ix_status_time") })}},
			"DB_SCHEMA_DRIFT medium", catalog.Attention, []string{"shard2", "index over status, requested_at", "whole table"},
		},
		"the same index is missing on both": {
			diagnose.Shards{Asked: []paydb.Asked{with(answered(1), func(a *paydb.Asked) { a.Tables = table("uk_idem") }), with(answered(2), func(a *paydb.Asked) { a.Tables = table("uk_idem") })}},
			"DB_SCHEMA_DRIFT medium", catalog.Attention, []string{"the payment table of shard1, shard2 is not", "unique index over"},
		},
		"another index is missing on each": {
			diagnose.Shards{Asked: []paydb.Asked{with(answered(1), func(a *paydb.Asked) { a.Tables = table("uk_idem") }), with(answered(2), func(a *paydb.Asked) { a.Tables = table("ix_status_time") })}},
			"DB_SCHEMA_DRIFT medium, DB_SCHEMA_DRIFT medium", catalog.Attention, []string{"table of shard1 is not", "table of shard2 is not"},
		},
		"the table is as it should be": {
			diagnose.Shards{Asked: []paydb.Asked{with(answered(1), func(a *paydb.Asked) { a.Tables = table("") })}}, "", catalog.OK, nil,
		},
		"an account that sees some columns only": {
			diagnose.Shards{Asked: []paydb.Asked{with(answered(1), func(a *paydb.Asked) { a.Tables, a.Account.Partial = table("uk_idem"), true })}}, "", catalog.OK, nil,
		},

		"this machine's clock is ahead": {
			diagnose.Shards{Asked: []paydb.Asked{
				with(answered(1), func(a *paydb.Asked) { a.Clock.Tool = noon.Add(10 * time.Minute) }),
				with(answered(2), func(a *paydb.Asked) { a.Clock.Tool = noon.Add(10 * time.Minute) }),
			}},
			"SRC_CLOCK_SKEW low", catalog.Unknown, []string{"differ by 10m0s", "-600.0 s"},
		},
		"the shards' clocks disagree": {
			diagnose.Shards{Asked: []paydb.Asked{answered(1), with(answered(2), func(a *paydb.Asked) { a.Clock.Tool = noon.Add(-time.Minute) })}},
			"SRC_CLOCK_SKEW low", catalog.Unknown, []string{"shards differ by 1m0s", "+0.0 s", "+60.0 s"},
		},
		"a little apart": {
			diagnose.Shards{Asked: []paydb.Asked{with(answered(1), func(a *paydb.Asked) { a.Clock.Tool = noon.Add(-1900 * time.Millisecond) })}}, "", catalog.OK, nil,
		},
		"apart, but so slow that it is not sure": {
			diagnose.Shards{Asked: []paydb.Asked{with(answered(1), func(a *paydb.Asked) { a.Clock.Tool, a.Clock.Took = noon.Add(3*time.Second), 4*time.Second })}}, "", catalog.OK, nil,
		},
		"rows of the future": {
			diagnose.Shards{Asked: []paydb.Asked{answered(1), answered(2)}, Newest: []time.Time{noon, noon.Add(8*time.Hour + 55*time.Minute)}},
			"SRC_TIMEZONE_MISMATCH low", catalog.Unknown, []string{"shard2", "8h55m0s in the future"},
		},
		"rows of a clock that is ahead": {
			diagnose.Shards{Asked: []paydb.Asked{answered(1)}, Newest: []time.Time{noon.Add(time.Minute)}},
			"SRC_CLOCK_SKEW low", catalog.Unknown, []string{"shard1 lies 1m0s in the future", "+60.0 s", "miss the newest payments"},
		},
		"rows of a clock a little ahead": {
			diagnose.Shards{Asked: []paydb.Asked{answered(1)}, Newest: []time.Time{noon.Add(2 * time.Second)}}, "", catalog.OK, nil,
		},
		"a row that came while the shard answered": {
			diagnose.Shards{Asked: []paydb.Asked{with(answered(1), func(a *paydb.Asked) { a.Source.Took = 4 * time.Second })}, Newest: []time.Time{noon.Add(5 * time.Second)}}, "", catalog.OK, nil,
		},
		"two names for one database": {
			diagnose.Shards{Asked: []paydb.Asked{answered(1), with(answered(2), func(a *paydb.Asked) { a.SameAs = "shard1" })}},
			"SHARDS_SAME_DATABASE info", catalog.OK, []string{"shard1 and shard2 are one database"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			found, ran := diagnose.Judge(x.shards)
			a := report.Answer[struct{}]{Findings: found}
			for _, s := range x.shards.Asked {
				a.Sources = append(a.Sources, s.Source)
			}
			a.Conclude(ran...)
			var got []string
			for _, f := range a.Findings {
				got = append(got, string(f.Code)+" "+string(f.Severity))
				if f.Severity != catalog.Info && f.Code != catalog.SrcPartialResult && (len(f.Evidence) == 0 || len(f.Next) == 0) {
					t.Errorf("%s has no evidence or no next step", f.Code)
				}
			}
			if strings.Join(got, ", ") != x.want || a.Verdict != x.verdict {
				t.Errorf("found %q, verdict %s; want %q, %s", strings.Join(got, ", "), a.Verdict, x.want, x.verdict)
			}
			text, _ := a.Render(60000)
			for _, want := range x.says {
				if !strings.Contains(text, want) {
					t.Errorf("it does not say %q:\n%s", want, text)
				}
			}
		})
	}
}

// What is ruled out was looked at.
func TestRuledOut(t *testing.T) {
	_, ran := diagnose.Judge(diagnose.Shards{Asked: []paydb.Asked{answered(1), failed(2, fault.Auth, paydb.Connecting, 1045)}})
	if len(ran) > 0 {
		t.Errorf("with a shard missing, %v is ruled out", ran)
	}
	_, ran = diagnose.Judge(diagnose.Shards{Asked: []paydb.Asked{answered(1)}})
	if slices.Contains(ran, catalog.ShardsSameDatabase) || slices.Contains(ran, catalog.SrcTimezoneMismatch) {
		t.Errorf("of one shard, %v is ruled out", ran)
	}
}
