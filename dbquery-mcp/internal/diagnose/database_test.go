package diagnose_test

import (
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

// well is a shard's server with nothing wrong.
func well() paydb.Health {
	return paydb.Health{
		Server:      &paydb.Server{Connected: 20, MaxConnections: 200, Watched: 100 * time.Millisecond},
		Replication: []paydb.Replica{}, Sessions: []paydb.Session{}, Transactions: []paydb.Transaction{}, LockWaits: []paydb.LockWait{}, TableWaits: []paydb.TableWait{},
		Schema: map[string]paydb.Table{}, Misrouted: &paydb.Misrouted{Whole: true},
	}
}

func follows(seconds *int64, delay int64) []paydb.Replica {
	return []paydb.Replica{{From: "db:3306", Fetching: "Yes", Applying: "Yes", Behind: seconds, Delay: delay}}
}

func TestJudgeDatabase(t *testing.T) {
	lag := &fault.Failure{Class: fault.Timeout, Said: "1205 lock wait", Next: "Wait"}
	for name, x := range map[string]struct {
		change  func(*paydb.Health) // of shard1
		want    string
		verdict catalog.Verdict
		says    []string
	}{
		"well": {func(*paydb.Health) {}, "", catalog.OK, nil},

		"a wait for row locks": {func(h *paydb.Health) {
			h.LockWaits = []paydb.LockWait{{Table: "`paydb`.`outbox_event`", Age: 45 * time.Second, Waiter: 7, Blocker: 9, WaiterUser: "app", BlockerUser: "batch", BlockerHost: "10.0.0.9:40", BlockerCommand: "Sleep", BlockerAge: 9 * time.Minute}}
		}, "DB_LOCK_CONTENTION high", catalog.Attention, []string{"1 session wait for row locks on \"`paydb`.`outbox_event`\" for up to 45s", "blocked by session 9", "even number"}},
		"more wait than are told": {func(h *paydb.Health) {
			for i := range int64(20) {
				h.LockWaits = append(h.LockWaits, paydb.LockWait{Table: "`paydb`.`payment`", Age: time.Minute, Waiter: i})
				h.TableWaits = append(h.TableWaits, paydb.TableWait{Age: time.Minute, Session: 100 + i})
			}
			h.LockWaitsCut, h.TableWaitsCut, h.TableWaits[19].Age = true, true, time.Second
		}, "DB_LOCK_CONTENTION high", catalog.Attention, []string{": at least 20 sessions wait for row locks", "; 19 sessions wait for a lock on a whole table"}},
		"a wait of a moment": {func(h *paydb.Health) { h.LockWaits = []paydb.LockWait{{Age: 4 * time.Second}} }, "", catalog.OK, nil},
		"a transaction that has held locks for long": {func(h *paydb.Health) {
			h.Transactions = []paydb.Transaction{{ID: "77", Age: 9 * time.Minute, Session: 12, User: "batch", Host: "10.0.0.9:40", Command: "Sleep", RowsLocked: 3000}}
		}, "DB_LOCK_CONTENTION high", catalog.Attention, []string{"a transaction of 9m0s holds locks on about 3000 rows", "session 12", "transaction 77"}},
		"a transaction that has only read for long": {func(h *paydb.Health) { h.Transactions = []paydb.Transaction{{Age: time.Hour}} }, "", catalog.OK, nil},
		"a young transaction that holds locks":      {func(h *paydb.Health) { h.Transactions = []paydb.Transaction{{Age: 59 * time.Second, RowsLocked: 5}} }, "", catalog.OK, nil},
		"a wait for a table": {func(h *paydb.Health) {
			h.TableWaits = []paydb.TableWait{{Session: 4, User: "app", Age: 30 * time.Second, State: "Waiting for table metadata lock", Statement: "ALTER TABLE payment"}}
		}, "DB_LOCK_CONTENTION high", catalog.Attention, []string{"1 session wait for a lock on a whole table for up to 30s", "ALTER TABLE payment"}},

		"deadlocks one after another": {func(h *paydb.Health) {
			h.Server.Deadlocks, h.Server.Meanwhile, h.Server.Watched = 40, 3, 210*time.Millisecond
		}, "DB_LOCK_CONTENTION low",
			catalog.Unknown, []string{"3 deadlocks within 210ms", "43 since the server started"}},
		"two deadlocks":           {func(h *paydb.Health) { h.Server.Meanwhile, h.Server.Watched = 2, 210*time.Millisecond }, "", catalog.OK, nil},
		"three deadlocks in long": {func(h *paydb.Health) { h.Server.Meanwhile, h.Server.Watched = 3, 5*time.Second }, "", catalog.OK, nil},
		"deadlocks long ago":      {func(h *paydb.Health) { h.Server.Deadlocks = 5000 }, "", catalog.OK, nil},
		"deadlocks, and a longer wait": {func(h *paydb.Health) {
			h.Server.Meanwhile, h.Server.Watched = 9, 210*time.Millisecond
			h.LockWaits = []paydb.LockWait{{Table: "`paydb`.`outbox_event`", Age: 45 * time.Second}}
		}, "DB_LOCK_CONTENTION high", catalog.Attention, nil},

		"nine of ten connections": {func(h *paydb.Health) {
			h.Server.Connected = 180
			h.Sessions = []paydb.Session{{User: "app", Command: "Sleep", Count: 170}}
		}, "DB_TOO_MANY_CONNECTIONS high", catalog.Attention, []string{"180 of 200 connections", `"app": 170 in "Sleep"`}},
		"fewer": {func(h *paydb.Health) { h.Server.Connected = 179 }, "", catalog.OK, nil},

		"a replica that follows":             {func(h *paydb.Health) { h.Replication = follows(new(int64(10)), 0) }, "", catalog.OK, nil},
		"a replica that is behind":           {func(h *paydb.Health) { h.Replication = follows(new(int64(11)), 0) }, "DB_REPLICA_LAG medium", catalog.Attention, []string{"11s behind"}},
		"behind as it is meant to be":        {func(h *paydb.Health) { h.Replication = follows(new(int64(3605)), 3600) }, "", catalog.OK, nil},
		"behind more than it is meant to be": {func(h *paydb.Health) { h.Replication = follows(new(int64(3620)), 3600) }, "DB_REPLICA_LAG medium", catalog.Attention, []string{"1h0m20s behind"}},
		"a replica that stopped": {func(h *paydb.Health) {
			h.Replication = []paydb.Replica{{From: "db:3306", Fetching: "Yes", Applying: "No", Failed: "1062 duplicate"}}
		}, "DB_REPLICA_LAG medium", catalog.Attention, []string{"no longer follows", "1062 duplicate"}},
		"a replica that was promoted": {func(h *paydb.Health) {
			h.Replication, h.Newest = []paydb.Replica{{From: "db:3306", Fetching: "No", Applying: "No", Refused: "error reconnecting to master 'copier@db:3306'"}}, ago(2*time.Second)
		}, "", catalog.OK, nil},
		"a replica that was stopped": {func(h *paydb.Health) {
			h.Replication, h.Newest = []paydb.Replica{{From: "db:3306", Fetching: "No", Applying: "No"}}, ago(5*time.Minute)
		}, "DB_REPLICA_LAG medium", catalog.Attention, []string{"no longer follows"}},
		"stopped, and nobody may write to it": {func(h *paydb.Health) {
			h.Replication, h.Newest = []paydb.Replica{{From: "db:3306", Fetching: "No", Applying: "No"}}, ago(2*time.Second)
			h.Server.ReadOnly = true
		}, "DB_REPLICA_LAG medium", catalog.Attention, nil},
		"stopped by an error a moment ago": {func(h *paydb.Health) {
			h.Replication, h.Newest = []paydb.Replica{{From: "db:3306", Fetching: "No", Applying: "No", Failed: "1062 duplicate"}}, ago(2*time.Second)
		}, "DB_REPLICA_LAG medium", catalog.Attention, []string{"1062"}},
		"a replica that lost its primary a moment ago": {func(h *paydb.Health) {
			h.Replication, h.Newest = []paydb.Replica{{From: "db:3306", Fetching: "Connecting", Applying: "Yes", Refused: "error connecting to master"}}, ago(2*time.Second)
		}, "DB_REPLICA_LAG medium", catalog.Attention, nil},
		"a replica that does not know": {func(h *paydb.Health) { h.Replication = follows(nil, 0) }, "DB_REPLICA_LAG low", catalog.Unknown, nil},

		"a merchant on the wrong shard": {func(h *paydb.Health) {
			h.Misrouted = &paydb.Misrouted{Whole: true, All: 1, Some: []paydb.MisroutedMerchant{{Merchant: "MERCHANT-7", Payments: 200, First: noon, Last: noon}}}
		}, "SHARD_MISROUTED_MERCHANT critical", catalog.CriticalVerdict, []string{"200 payments of 1 merchant that belong on shard2", "MERCHANT-7"}},
		"more merchants than were looked at": {func(h *paydb.Health) { h.Misrouted = &paydb.Misrouted{Looked: 5000} }, "", catalog.Unknown, []string{"only 5000 merchants"}},

		"what may not be asked": {func(h *paydb.Health) {
			h.Transactions, h.LockWaits = nil, nil
			h.Unasked = []paydb.Unasked{{Question: "transactions that are open", Grant: "PROCESS"}, {Question: "waits for row locks", Grant: "PROCESS"}}
		}, "SRC_DB_PERMISSION low", catalog.Unknown, []string{"may not ask shard1 for transactions that are open, waits for row locks", "GRANT PROCESS ON *.*"}},
		"what was forbidden all the same": {func(h *paydb.Health) {
			h.Replication = nil
			h.Unasked = []paydb.Unasked{{Question: "state of replication", Failure: &fault.Failure{Class: fault.Permission, Said: "1227", Next: "Have it granted"}}}
		}, "SRC_DB_PERMISSION low", catalog.Unknown, nil},
		"what took too long": {func(h *paydb.Health) { h.Schema, h.Unasked = nil, []paydb.Unasked{{Question: "tables", Failure: lag}} }, "SRC_DB_TIMEOUT low", catalog.Unknown, []string{"shard1 did not tell tables"}},
		"what there was no time for": {func(h *paydb.Health) {
			h.Schema, h.Misrouted = nil, nil
			h.Unasked = []paydb.Unasked{{Question: "tables", Failure: lag}, {Question: "merchants on the wrong shard", Failure: lag}}
			h.LockWaits = []paydb.LockWait{{Table: "`paydb`.`payment`", Age: 45 * time.Second}}
		}, "DB_LOCK_CONTENTION high, SRC_DB_TIMEOUT low", catalog.Attention, []string{"shard1 did not tell tables, merchants on the wrong shard"}},
		"what failed otherwise": {func(h *paydb.Health) {
			h.Schema, h.Unasked = nil, []paydb.Unasked{{Question: "tables", Failure: &fault.Failure{Class: fault.Disconnected, Said: "gone"}}}
		}, "", catalog.Unknown, []string{"shard1 did not tell tables (disconnected)"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := []paydb.Health{well(), well()}
			x.change(&h[0])
			d := diagnose.Database{Shards: diagnose.Shards{Asked: []paydb.Asked{answered(1), answered(2)}, Newest: []time.Time{noon, noon}}, Health: h}
			judged(t, d.Asked, func() ([]report.Finding, []catalog.Code, string) { return diagnose.JudgeDatabase(d) }, x.want, x.verdict, x.says)
		})
	}
}

// A few deadlocks are no finding, and no reason to rule contention out.
func TestADeadlockRulesNoContentionOut(t *testing.T) {
	for n, want := range []bool{true, false, false, false} {
		h := []paydb.Health{well(), well()}
		h[1].Server.Meanwhile, h[1].Server.Watched = int64(n), 100*time.Millisecond
		_, ran, _ := diagnose.JudgeDatabase(diagnose.Database{Shards: diagnose.Shards{Asked: []paydb.Asked{answered(1), answered(2)}, Newest: []time.Time{noon, noon}}, Health: h})
		if slices.Contains(ran, catalog.DBLockContention) != want {
			t.Errorf("with %d deadlocks the codes that ran are %v", n, ran)
		}
	}
}

// What a shard told before it was lost is judged, beside that it was lost.
func TestADatabaseThatWasLostOnTheWay(t *testing.T) {
	h := []paydb.Health{{Server: &paydb.Server{Connected: 199, MaxConnections: 200}, LockWaits: []paydb.LockWait{{Table: "`paydb`.`payment`", Age: time.Minute}}}, well()}
	gone := paydb.Asked{Shard: "shard1", Addr: "db1:3306", Phase: paydb.Connecting, Source: fault.Source{Name: "payment-db shard1", Err: &fault.Failure{Class: fault.Unreachable, Said: "refused", Next: "Look"}}}
	d := diagnose.Database{Shards: diagnose.Shards{Asked: []paydb.Asked{gone, answered(2)}, Newest: []time.Time{noon, noon}}, Health: h}
	judged(t, d.Asked, func() ([]report.Finding, []catalog.Code, string) { return diagnose.JudgeDatabase(d) },
		"DB_SHARD_UNREACHABLE critical, DB_LOCK_CONTENTION high, DB_TOO_MANY_CONNECTIONS high, SRC_PARTIAL_RESULT low", catalog.CriticalVerdict,
		[]string{"was lost after its first answers"})
}

// judged renders what a judge found and compares it.
func judged(t *testing.T, asked []paydb.Asked, judge func() ([]report.Finding, []catalog.Code, string), want string, verdict catalog.Verdict, says []string) {
	t.Helper()
	a := report.Answer[struct{}]{}
	var ran []catalog.Code
	a.Findings, ran, a.Because = judge()
	for _, s := range asked {
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
	if strings.Join(got, ", ") != want || a.Verdict != verdict {
		t.Errorf("found %q, verdict %s (%s); want %q, %s", strings.Join(got, ", "), a.Verdict, a.Because, want, verdict)
	}
	text, _ := a.Render(60000)
	for _, w := range says {
		if !strings.Contains(text, w) {
			t.Errorf("it does not say %q:\n%s", w, text)
		}
	}
}

// What could not be asked of one shard is ruled out for none.
func TestRuledOutOfDatabases(t *testing.T) {
	for code, hide := range map[catalog.Code]func(*paydb.Health){
		catalog.DBLockContention:       func(h *paydb.Health) { h.TableWaits = nil },
		catalog.DBTooManyConnections:   func(h *paydb.Health) { h.Server = nil },
		catalog.DBReplicaLag:           func(h *paydb.Health) { h.Replication = nil },
		catalog.DBSchemaDrift:          func(h *paydb.Health) { h.Schema = nil },
		catalog.ShardMisroutedMerchant: func(h *paydb.Health) { h.Misrouted = nil },
	} {
		h := []paydb.Health{well(), well()}
		d := diagnose.Database{Shards: diagnose.Shards{Asked: []paydb.Asked{answered(1), answered(2)}}, Health: h}
		if _, ran, _ := diagnose.JudgeDatabase(d); !slices.Contains(ran, code) {
			t.Errorf("%s is not ruled out though all was asked", code)
		}
		hide(&h[1])
		if _, ran, _ := diagnose.JudgeDatabase(d); slices.Contains(ran, code) {
			t.Errorf("%s is ruled out though shard2 was not asked", code)
		}
	}
}

// An account that sees some columns alone can rule no drift out.
func TestDriftThatAnAccountCannotSee(t *testing.T) {
	d := diagnose.Database{Shards: diagnose.Shards{Asked: []paydb.Asked{answered(1), answered(2)}}, Health: []paydb.Health{well(), well()}}
	d.Asked[1].Account.Partial = true
	if _, ran, _ := diagnose.JudgeDatabase(d); slices.Contains(ran, catalog.DBSchemaDrift) {
		t.Errorf("ruled out: %v", ran)
	}
}

// While one shard is silent, or both are one database, no merchant is on the wrong
// one of two.
func TestNoMisroutingWithoutTwoDatabases(t *testing.T) {
	h := []paydb.Health{well(), well()}
	h[0].Misrouted = &paydb.Misrouted{Whole: true, All: 1, Some: []paydb.MisroutedMerchant{{Merchant: "MERCHANT-7", Payments: 1}}}
	same := with(answered(2), func(a *paydb.Asked) { a.SameAs = "shard1" })
	for _, second := range []paydb.Asked{same, failed(2, fault.Auth, paydb.Connecting, 1045)} {
		found, ran, _ := diagnose.JudgeDatabase(diagnose.Database{Shards: diagnose.Shards{Asked: []paydb.Asked{answered(1), second}}, Health: h})
		for _, f := range found {
			if f.Code == catalog.ShardMisroutedMerchant {
				t.Errorf("found %s", f.Claim)
			}
		}
		if slices.Contains(ran, catalog.ShardMisroutedMerchant) {
			t.Error("it is ruled out")
		}
	}
}
