package tools_test

import (
	"context"
	"database/sql"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"payops-mcp/dbquery-mcp/internal/dbtest"
	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/dbquery-mcp/internal/tools"
	"payops-mcp/shared/tooltest"
)

// Every statement that the tools send is written down by the server itself, and
// explained: how each is answered is a golden file, and none may read a whole table
// of the payment schema but for a reason that stands in wholeTables. A statement of
// the source that was not sent fails, too.
func TestPlansOfEveryStatement(t *testing.T) {
	db := dbtest.Pair(t, "--general-log=ON", "--log-output=TABLE")
	troubled(t, db)
	r := connect(t, db, func(_ int, _ *paydb.Settings, d *tools.Deps) { d.AllowSelect = true })
	for _, call := range everything {
		tool, args, _ := strings.Cut(call, " ")
		if res := r.client.Call(t, tool, args); res.IsError {
			t.Errorf("%s: %s", call, res.Text)
		}
	}
	sent := map[string]string{} // by what is the same in all of their kind
	for place := range db.Shards {
		maps.Copy(sent, statements(t, db, place+1))
	}
	missing := sourceStatements(t)
	var lines []string
	conn := second(t, db, 1)
	for _, kind := range slices.Sorted(maps.Keys(sent)) {
		for name, fragment := range missing {
			if strings.Contains(bareStatement(sent[kind]), fragment) {
				delete(missing, name)
			}
		}
		if !strings.Contains(kind, "payment") && !slices.ContainsFunc(schemaTables, func(table string) bool { return strings.Contains(kind, table) }) || !strings.HasPrefix(strings.TrimLeft(kind, "( "), "SELECT") || strings.Contains(kind, "information_schema") {
			continue // about the server, not about rows
		}
		plan, scans := planOf(t, conn, sent[kind])
		lines = append(lines, kind+"\n    "+plan)
		if scans != "" && !slices.ContainsFunc(wholeTables, func(fragment string) bool { return strings.Contains(kind, fragment) }) {
			t.Errorf("reads the whole table %s:\n%s\n%s", scans, sent[kind], plan)
		}
	}
	for name, fragment := range missing {
		if !slices.Contains(sentElsewhere, name) {
			t.Errorf("%s was not sent by any call of this test: %q", name, fragment)
		}
	}
	tooltest.Golden(t, "plans.txt", []byte(strings.Join(lines, "\n")+"\n"))
}

var schemaTables = []string{"payment", "ledger_entry", "outbox_event", "idem_response_cache", "settlement_request", "refund_request", "shedlock"}

// wholeTables are pieces of the statements that may read a table from end to end.
var wholeTables = []string{
	"FROM shedlock", // a handful of rows
}

// sentElsewhere are statements that only an unusual database makes the module send;
// tests of their own do.
var sentElsewhere = []string{
	"sqlWithout",       // with more than 20,000 groups of payments
	"sqlWaitingCount",  // with more waiting events than are read
	"sqlFirstOfNewest", // with more events than are looked at
	"sqlLast",          // without the index over status and requested_at
	"sqlNewestBetween", // with more events between a payment's moments than are read
	"sqlMaxKey",        // where the index is missing, and the table is read whole
	"sqlForget",        // about no table of ours

	"sqlTwice", // where the newest requests are of payments that lie far apart

	"sqlPublishedFirstOf", // where the index is missing
	"sqlTwiceAmongNewest", // where the index is missing
}

// everything is calls that make the tools send all their statements on what
// troubled has planted.
var everything = []string{
	`check_database_health {"detail":"full"}`,
	`payment_statistics {"time_range":"24h"}`, `payment_statistics {"time_range":"all","group_by":"merchant"}`, `payment_statistics {"time_range":"24h","merchant_id":"MERCHANT-8"}`,
	`find_duplicate_idempotency {"time_range":"all"}`, `find_duplicate_idempotency {"merchant_id":"MERCHANT-8"}`,
	`query_payments {}`, `query_payments {"filter":"failed payments last hour"}`, `query_payments {"merchant_id":"MERCHANT-8"}`, `query_payments {"payment_id":77}`,
	`query_payments {"idempotency_key":"fill-7"}`, `query_payments {"merchant_id":"NOBODY-8"}`, `query_payments {"merchant_id":"merchant-8","idempotency_key":"FILL-8"}`, `query_payments {"payment_id":99999999}`,
	`query_ledgers {"query_type":"by_payment","payment_id":77}`, `query_ledgers {"query_type":"by_merchant","merchant_id":"MERCHANT-8"}`,
	`query_ledgers {"query_type":"by_account"}`, `query_ledgers {"query_type":"totals"}`,
	`check_outbox_status {}`, `check_settlements {"kind":"settlement"}`, `check_settlements {"kind":"refund"}`,
	`reconciliation_check {}`, `reconciliation_check {"time_range":"90m"}`, `reconciliation_check {"scope":"all"}`, `reconciliation_check {"snapshot":true}`, `reconciliation_check {"merchant_id":"MERCHANT-8"}`, `reconciliation_check {"merchant_id":"MERCHANT-8","time_range":"7d"}`,
	`run_select {"sql":"SELECT merchant_id, CAST('x' AS SIGNED) FROM payment WHERE payment_id = 77"}`,
	`trace_payment {"payment_id":77}`, `trace_payment {"merchant_id":"MERCHANT-8","idempotency_key":"fill-8"}`,
	`trace_payment {"merchant_id":"MERCHANT-8","idempotency_key":"changed-later"}`,
}

// troubled fills both shards with payments and their books, and breaks some.
func troubled(t *testing.T, db *dbtest.DB) {
	t.Helper()
	db.Fill(t, 6000)
	for _, s := range db.Shards {
		for _, q := range []string{
			`INSERT INTO idem_response_cache SELECT merchant_id, idempotency_key, 200, JSON_OBJECT('paymentId', payment_id, 'amount', amount, 'currency', currency), requested_at FROM payment`,
			`INSERT INTO ledger_entry (payment_id, debit_account, credit_account, amount, occurred_at) SELECT payment_id, 'merchant_receivable', 'cash', amount, requested_at FROM payment WHERE status IN ('CAPTURED','REFUNDED','REFUND_REQUESTED','REFUND_FAILED')`,
			`INSERT INTO ledger_entry (payment_id, debit_account, credit_account, amount, occurred_at) SELECT payment_id, 'cash', 'merchant_receivable', amount, requested_at FROM payment WHERE status = 'REFUNDED'`,
			`INSERT INTO settlement_request (payment_id, request_amount, status, requested_at, completed_at) SELECT payment_id, amount, 'SUCCESS', requested_at, requested_at FROM payment WHERE status IN ('CAPTURED','REFUNDED','REFUND_REQUESTED','REFUND_FAILED')`,
			`INSERT INTO settlement_request (payment_id, request_amount, status, pg_response_code, requested_at) SELECT payment_id, amount, 'FAILED', 'PG_TIMEOUT', requested_at FROM payment WHERE status = 'CAPTURE_FAILED'`,
			`INSERT INTO refund_request (payment_id, refund_amount, status, requested_at, completed_at) SELECT payment_id, amount, IF(status = 'REFUNDED', 'SUCCESS', 'FAILED'), requested_at, requested_at FROM payment WHERE status IN ('REFUNDED','REFUND_FAILED')`,
			`INSERT INTO outbox_event (aggregate_type, aggregate_id, event_type, payload, published, published_at, created_at) SELECT 'payment', payment_id, ELT(1 + seq, 'PAYMENT_AUTHORIZED', 'PAYMENT_CAPTURE_REQUESTED'), '{}', 1, requested_at, requested_at FROM payment, seq_0_to_1 ORDER BY payment_id`,
			`INSERT INTO shedlock VALUES ('pollAndPublishOutboxEvents', UTC_TIMESTAMP(3), NOW(3), 'host')`,
			// What is wrong.
			`DELETE FROM ledger_entry WHERE payment_id MOD 997 = 1`,
			`UPDATE ledger_entry SET amount = amount + 1 WHERE payment_id MOD 997 = 2`,
			`DELETE FROM settlement_request WHERE payment_id MOD 997 = 3`,
			`DELETE settlement_request FROM settlement_request JOIN payment USING (payment_id) WHERE payment.status = 'CAPTURE_FAILED' AND payment_id MOD 7 = 3`,
			`DELETE FROM idem_response_cache WHERE idempotency_key IN ('fill-40', 'fill-41')`,
			`UPDATE idem_response_cache SET response_body = '{"paymentId":5,"amount":1,"currency":"KRW"}' WHERE idempotency_key = 'fill-60'`,
			`INSERT INTO idem_response_cache VALUES ('MERCHANT-8', 'ghost', 200, '{"paymentId":123456}', UTC_TIMESTAMP(3) - INTERVAL 1 HOUR)`,
			`INSERT INTO payment (merchant_id, amount, currency, status, idempotency_key, requested_at, updated_at) SELECT 'MERCHANT-8', 777777, 'KRW', 'CAPTURED', ELT(seq, 'twice-1', 'twice-1-2'), UTC_TIMESTAMP(3) - INTERVAL 1000 - seq SECOND, UTC_TIMESTAMP(3) - INTERVAL 1000 SECOND FROM seq_1_to_2`,
			`INSERT INTO payment (merchant_id, amount, currency, status, idempotency_key, requested_at, updated_at) VALUES ('MERCHANT-9', 5, 'KRW', 'CAPTURED', 'both', UTC_TIMESTAMP(3) - INTERVAL 1 HOUR, UTC_TIMESTAMP(3) - INTERVAL 1 HOUR)`,
			`INSERT INTO payment (merchant_id, amount, currency, status, idempotency_key, requested_at, updated_at) VALUES ('MERCHANT-8', 6, 'KRW', 'CAPTURED', 'changed-later', UTC_TIMESTAMP(3) - INTERVAL 60 DAY, UTC_TIMESTAMP(3) - INTERVAL 1 HOUR)`,
			`SET foreign_key_checks = 0`,
			`INSERT INTO ledger_entry (payment_id, debit_account, credit_account, amount) VALUES (900000, 'merchant_receivable', 'cash', 5)`,
			`SET foreign_key_checks = 1`,
			`UPDATE outbox_event SET published = 0, published_at = NULL, created_at = UTC_TIMESTAMP(3) - INTERVAL 20 MINUTE WHERE event_id MOD 500 = 0`,
			`INSERT INTO outbox_event (aggregate_type, aggregate_id, event_type, payload, published, published_at) SELECT 'payment', payment_id, 'PAYMENT_REFUND_REQUESTED', '{}', 1, UTC_TIMESTAMP(3) FROM payment WHERE status = 'CAPTURED' LIMIT 1`,
			`UPDATE outbox_event SET published_at = NULL WHERE event_id MOD 500 = 2`,
			`UPDATE outbox_event SET event_type = 'PAYMENT_STRANGE' WHERE event_id MOD 500 = 3`,
			`UPDATE outbox_event SET published = 0, published_at = NULL, retry_count = 10, last_retry_at = UTC_TIMESTAMP(3) WHERE event_id MOD 500 = 1`,
		} {
			s.Exec(t, q)
		}
		for _, table := range schemaTables {
			s.Exec(t, "ANALYZE TABLE "+table)
		}
		s.Exec(t, "TRUNCATE mysql.general_log")
	}
}

// statements are those that our account has sent to a shard, without the limits
// in front of them, by their kind.
func statements(t *testing.T, db *dbtest.DB, shard int) map[string]string {
	t.Helper()
	conn := second(t, db, shard)
	rows, err := conn.QueryContext(t.Context(), "SELECT CONVERT(argument USING utf8mb4) FROM mysql.general_log WHERE command_type = 'Query' AND user_host LIKE ?", "%"+db.User+"%")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	all := map[string]string{}
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		s = limitBefore.ReplaceAllString(s, "")
		all[kindOf(s)] = s
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Fatalf("the server has written down %d kinds of statements", len(all))
	}
	return all
}

var (
	limitBefore = regexp.MustCompile(`^SET STATEMENT .*? FOR `)
	literal     = regexp.MustCompile(`'(?:[^'\\]|\\.|'')*'|\b[0-9]+(?:\.[0-9]+)?\b`)
	listOf      = regexp.MustCompile(`\?(?:, *(?:BINARY )?\?)+`)
	rowsOf      = regexp.MustCompile(`(\(\?(?:, \?)*\))(?:, *\(\?(?:, \?)*\))+`)
)

// kindOf is a statement without its values.
func kindOf(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	return rowsOf.ReplaceAllString(listOf.ReplaceAllString(literal.ReplaceAllString(s, "?"), "?…"), "$1…")
}

// planOf is how the server answers a statement, and the table that it reads whole.
func planOf(t *testing.T, conn *sql.Conn, statement string) (plan, scans string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	rows, err := conn.QueryContext(ctx, "EXPLAIN "+statement)
	if err != nil {
		t.Fatalf("%v\n%s", err, statement)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	aliases := aliasesOf(statement)
	var steps []string
	for rows.Next() {
		values := make([]sql.NullString, len(names))
		into := make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		f := map[string]string{}
		for i, n := range names {
			f[strings.ToLower(n)] = values[i].String
		}
		if f["table"] == "" {
			continue
		}
		table := f["table"]
		if of, ok := aliases[table]; ok {
			table = of
		}
		steps = append(steps, table+" by "+orNothing(f["key"]))
		whole := f["type"] == "ALL" || f["type"] == "index" && !strings.Contains(f["extra"], "group-by")
		if n, err := strconv.Atoi(f["rows"]); whole && slices.Contains(schemaTables, table) && (err != nil || n > 200) {
			scans = table
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(steps, ", "), scans
}

func orNothing(key string) string {
	if key == "" {
		return "nothing"
	}
	return key
}

var alias = regexp.MustCompile("(?i)(?:FROM|JOIN|,)\\s+`?(\\w+)`?\\s+(?:AS\\s+)?`?(\\w+)`?")

// aliasesOf are the tables of a statement by the names that it gives them.
func aliasesOf(statement string) map[string]string {
	all := map[string]string{}
	for _, m := range alias.FindAllStringSubmatch(statement, -1) {
		if slices.Contains(schemaTables, m[1]) {
			all[m[2]] = m[1]
		}
	}
	return all
}

// bareStatement is a statement as it is compared with the source: one space between
// words.
func bareStatement(s string) string { return strings.Join(strings.Fields(s), " ") }

// sourceStatements are the statements that stand in the source of paydb, by their
// constants: of each the longest piece between what is filled in.
func sourceStatements(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../paydb/*.go")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, "sql") {
				return true
			}
			lit, ok := spec.Values[0].(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			if piece := longestPiece(text); len(piece) > 12 && verbs.MatchString(text) {
				all[spec.Names[0].Name] = piece
			}
			return true
		})
	}
	if len(all) < 40 {
		t.Fatalf("%d statements stand in the source", len(all))
	}
	return all
}

var filledIn = regexp.MustCompile(`%(?:\[[0-9]+\])?[sd]?|\?`)

// verbs are what a statement begins with.
var verbs = regexp.MustCompile(`^\(?(?:SELECT|SHOW|START|ROLLBACK)`)

func longestPiece(text string) (longest string) {
	for _, piece := range filledIn.Split(text, -1) {
		if piece = bareStatement(piece); len(piece) > len(longest) {
			longest = piece
		}
	}
	return longest
}
