package tools_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"payops-mcp/dbquery-mcp/internal/dbtest"
	"payops-mcp/dbquery-mcp/internal/tools"
	"payops-mcp/shared/tooltest"
)

// everyTool calls every tool with the first examples of its description, at most
// so many.
func everyTool(t *testing.T, r rig, most int, check func(tool, args string, a tooltest.Answer[json.RawMessage], text string)) {
	t.Helper()
	for _, tool := range tools.All(undialled()) {
		for _, args := range tool.Spec.Examples[:min(most, len(tool.Spec.Examples))] {
			res := r.client.Call(t, tool.Spec.Name, args)
			check(tool.Spec.Name, args, tooltest.Decode[json.RawMessage](t, res), res.Text)
		}
	}
}

// While a table is locked, as by a schema change, no tool waits for it longer than
// two seconds, and none says that all is well.
func TestNoToolWaitsForALockedTable(t *testing.T) {
	db := whole(t)
	names := []string{"payment", "ledger_entry", "outbox_event", "idem_response_cache", "settlement_request", "refund_request", "shedlock"}
	holder := second(t, db, 1)
	run(t, holder, "LOCK TABLES "+strings.Join(names, " WRITE, ")+" WRITE")
	longest := watchWaits(t, db)
	everyTool(t, connect(t, db), 1, func(tool, args string, a tooltest.Answer[json.RawMessage], text string) {
		if a.Verdict == "ok" {
			t.Errorf("%s %s: ok while no table could be read\n%s", tool, args, text)
		}
		if !strings.Contains(text, "1205") {
			t.Errorf("%s %s does not say why: %s", tool, args, text)
		}
	})
	// The server counts from when it began to wait, and may notice the end of the
	// two seconds late on a busy machine.
	if most := longest(); most == 0 || most > 4*time.Second {
		t.Errorf("the longest wait for a table was %s, want some of at most about 2s", most)
	}
	run(t, holder, "UNLOCK TABLES")
	everyTool(t, connect(t, db), 1, func(tool, args string, a tooltest.Answer[json.RawMessage], text string) {
		if a.Verdict == "unknown" && strings.Contains(text, "1205") {
			t.Errorf("%s %s after the lock is gone: %s", tool, args, text)
		}
	})
}

// watchWaits looks all the while at how long our account's statements wait for a
// table, and returns the longest that it has seen.
func watchWaits(t *testing.T, db *dbtest.DB) (longest func() time.Duration) {
	t.Helper()
	conn := second(t, db, 1)
	ctx, cancel := context.WithCancel(t.Context())
	seen := make(chan time.Duration)
	go func() {
		var most time.Duration
		for ctx.Err() == nil {
			var ms sql.NullFloat64
			// The end of the context ends the statement, too.
			_ = conn.QueryRowContext(ctx, "SELECT MAX(TIME_MS) FROM information_schema.PROCESSLIST WHERE USER = ? AND STATE LIKE 'Waiting for table%'", db.User).Scan(&ms)
			most = max(most, time.Duration(ms.Float64*float64(time.Millisecond)))
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
		seen <- most
	}()
	return func() time.Duration {
		cancel()
		return <-seen
	}
}

// Between calls no tool holds a lock on a table: a schema change goes through at
// once, though our connections are still there.
func TestNoToolHoldsATableBetweenCalls(t *testing.T) {
	db := whole(t)
	n := now(t, db)
	db.Insert(t, 1, dbtest.Payment{Merchant: "MERCHANT-8", At: n})
	r := connect(t, db)
	changer := second(t, db, 1)
	run(t, changer, "SET lock_wait_timeout = 1")
	everyTool(t, r, 9, func(tool, args string, _ tooltest.Answer[json.RawMessage], _ string) {
		for _, table := range []string{"payment", "ledger_entry", "outbox_event", "idem_response_cache", "settlement_request", "refund_request", "shedlock"} {
			if _, err := changer.ExecContext(t.Context(), "ALTER TABLE "+table+" COMMENT = 'after "+tool+"'"); err != nil {
				t.Errorf("after %s %s: %v", tool, args, err)
			}
		}
	})
	var ours int
	if err := changer.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = ?", db.User).Scan(&ours); err != nil {
		t.Fatal(err)
	}
	if ours == 0 {
		t.Error("no connection of ours is left: the test shows nothing")
	}
}

// A server whose own settings give words another meaning is asked as any other:
// quotes that mean names, || that joins text, another zone, another isolation.
func TestEveryToolOnAServerOfItsOwnMind(t *testing.T) {
	db, _ := dbtest.Own(t, "--sql-mode=ANSI_QUOTES,PIPES_AS_CONCAT,IGNORE_SPACE,NO_BACKSLASH_ESCAPES,ONLY_FULL_GROUP_BY,PAD_CHAR_TO_FULL_LENGTH",
		"--default-time-zone=+09:00", "--transaction-isolation=SERIALIZABLE", "--character-set-server=latin1", "--lower-case-table-names=1")
	n := now(t, db)
	db.Recorded(t, 1, dbtest.Payment{ID: 123, Merchant: "MERCHANT-8", Key: "order-20251120-7", Status: "CAPTURE_REQUESTED", At: n.Add(-10 * time.Second)})
	everyTool(t, connect(t, db), 9, func(tool, args string, a tooltest.Answer[json.RawMessage], text string) {
		young := tool == "reconciliation_check" && strings.Contains(text, "judged") // there is one payment, of just now
		if len(a.Sources) != 1 || !a.Sources[0].OK || a.Verdict != "ok" && !young {
			t.Errorf("%s %s: %s", tool, args, text)
		}
	})
}

// On a schema that Hibernate made, without the indexes and foreign keys of
// schema.sql, every tool answers what it can, says what is missing, and never that
// all is well.
func TestEveryToolOnASchemaFromHibernate(t *testing.T) {
	db := whole(t)
	n := now(t, db)
	db.Recorded(t, 1, dbtest.Payment{Merchant: "MERCHANT-8", At: n.Add(-time.Hour)})
	for _, q := range hibernate {
		db.Grant(t, q)
	}
	everyTool(t, connect(t, db), 9, func(tool, args string, a tooltest.Answer[json.RawMessage], text string) {
		for _, s := range a.Sources {
			// What is missing may be what the question is about.
			if !s.OK && s.Error != "schema" {
				t.Errorf("%s %s: %s", tool, args, text)
			}
		}
		if a.Verdict == "ok" || !slices.Contains(a.Codes(), "DB_SCHEMA_DRIFT") && !slices.Contains(a.Codes(), "OUTBOX_LOCK_SCHEMA_BROKEN") {
			t.Errorf("%s %s does not tell of the schema: %s", tool, args, text)
		}
	})
}
