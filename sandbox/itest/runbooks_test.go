package itest

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"payops-mcp/sandbox/paysim"
	"payops-mcp/sandbox/seed"
	"payops-mcp/sandbox/stack"
)

// runbookPages are the runbooks that a server of the suite carries.
const runbookPages = "../../circuitbreaker-mcp/internal/runbook/pages/*.md"

// Runbooks are read when something is broken: what they say to type must work, and
// nothing but what is marked as a change may change anything. Every statement of
// every page is given to the system it is for.
func TestStatementsOfTheRunbooks(t *testing.T) {
	if missing := stack.Missing(stack.Living); len(missing) > 0 {
		if os.Getenv("CI") == "true" {
			t.Fatalf("not installed: %v", missing)
		}
		t.Skipf("not installed: %v", missing)
	}
	s, err := stack.Start(t.Context(), stack.Options{Parts: stack.Living, Seed: &seed.Options{Payments: 500}, Rate: 5, Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	all := runbookBlocks(t)
	seen := map[string]int{}
	for _, b := range all {
		seen[b.kind]++
		run, ok := map[string]func(*testing.T, *stack.Stack, string){
			"sql": readSQL, "sql change": changeSQL, "redis": readRedis, "redis change": changeRedis, "promql": askPrometheus, "sh": runProgram,
		}[b.kind]
		if !ok {
			t.Errorf("%s: nobody tries a block of %q", b.at, b.kind)
			continue
		}
		t.Run(b.at, func(t *testing.T) { run(t, s, b.text) })
	}
	t.Logf("tried %v", seen)
	for _, kind := range []string{"sql", "sql change", "redis", "redis change", "promql", "sh"} {
		if seen[kind] == 0 {
			t.Errorf("no block of %s was found: is %s the right place?", kind, runbookPages)
		}
	}
}

// block is a block of code in a page.
type block struct{ at, kind, text string }

func runbookBlocks(t *testing.T) (all []block) {
	t.Helper()
	files, err := filepath.Glob(runbookPages)
	if err != nil || len(files) == 0 {
		t.Fatalf("no runbooks at %s: %v", runbookPages, err)
	}
	fence := regexp.MustCompile("(?ms)^```([^\n]*)\n(.*?)^```$")
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range fence.FindAllStringSubmatch(string(text), -1) {
			if slices.ContainsFunc(all, func(b block) bool { return b.kind == m[1] && b.text == strings.TrimSpace(m[2]) }) {
				continue // the same again on another page
			}
			all = append(all, block{fmt.Sprintf("%s/%d", strings.TrimSuffix(filepath.Base(f), ".md"), i+1), m[1], strings.TrimSpace(m[2])})
		}
	}
	return all
}

// readSQL runs a statement on every shard, as the account that may only read and in
// a transaction that may only read.
func readSQL(t *testing.T, s *stack.Stack, statement string) {
	for _, shard := range s.Shards {
		db, err := shard.Open(stack.ReaderUser)
		if err != nil {
			t.Fatal(err)
		}
		tx, err := db.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := readAll(t.Context(), tx, statement); err != nil {
			t.Errorf("%v\n%s", err, statement)
		}
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
		for _, table := range unbounded(t, db, statement) {
			t.Errorf("no index can help with %s, and at 3 in the morning it has ten million rows:\n%s", table, statement)
		}
	}
}

func readAll(ctx context.Context, tx *sql.Tx, statement string) error {
	rows, err := tx.QueryContext(ctx, statement)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
	}
	return rows.Err()
}

// big are the tables that grow with every payment, and the names they go by in the
// pages.
var big = map[string]bool{"payment": true, "p": true, "ledger_entry": true, "l": true, "outbox_event": true, "e": true,
	"settlement_request": true, "s": true, "refund_request": true, "r": true, "idem_response_cache": true, "i": true}

// unbounded are the big tables of which a SELECT would read every row, whatever is
// in them: there is no index that it could use.
func unbounded(t *testing.T, db *sql.DB, statement string) (tables []string) {
	t.Helper()
	if !strings.HasPrefix(statement, "SELECT") {
		return nil
	}
	rows, err := db.QueryContext(t.Context(), "EXPLAIN "+statement)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		step := map[string]sql.NullString{}
		for i, c := range columns {
			step[c] = values[i]
		}
		if big[step["table"].String] && !step["possible_keys"].Valid && step["type"].String != "index" {
			tables = append(tables, step["table"].String)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return tables
}

// planted are rows that the changes of the pages are about, and rows beside them
// that they must leave alone.
var planted = []string{
	"DELETE FROM shedlock",
	"INSERT INTO shedlock VALUES ('pollAndPublishOutboxEvents', UTC_TIMESTAMP(3) + INTERVAL 6 HOUR, UTC_TIMESTAMP(3), 'dead-host'), ('other', UTC_TIMESTAMP(3) + INTERVAL 6 HOUR, UTC_TIMESTAMP(3), 'dead-host')",
	"DELETE FROM outbox_event",
	"INSERT INTO outbox_event (event_id, aggregate_type, aggregate_id, event_type, payload, retry_count, published) VALUES (101, 'PAYMENT', 1, 'PAYMENT_CAPTURED', '{}', 10, 0), (102, 'PAYMENT', 2, 'PAYMENT_CAPTURED', '{}', 10, 0), (103, 'PAYMENT', 3, 'PAYMENT_CAPTURED', '{}', 10, 1), (104, 'PAYMENT', 4, 'PAYMENT_CAPTURED', '{}', 10, 0)",
}

// changed is how many of the rows planted each table's change may touch.
var changed = map[string]int64{"shedlock": 1, "outbox_event": 2}

// changeSQL runs a change on rows that were planted, counts them and takes it all
// back.
func changeSQL(t *testing.T, s *stack.Stack, statement string) {
	tx, err := s.Shards[0].App().BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
	}()
	table := strings.Fields(statement)[1]
	for _, p := range planted {
		if !strings.Contains(p, " "+table) {
			continue
		}
		if _, err := tx.ExecContext(t.Context(), p); err != nil {
			t.Fatalf("%v\n%s", err, p)
		}
	}
	r, err := tx.ExecContext(t.Context(), statement)
	if err != nil {
		t.Fatalf("%v\n%s", err, statement)
	}
	n, err := r.RowsAffected()
	if err != nil || changed[table] == 0 || n != changed[table] {
		t.Errorf("%d rows of %s were changed, want %d (%v)\n%s", n, table, changed[table], err, statement)
	}
}

// redisLines are the commands of a block.
func redisLines(text string) (all [][]any) {
	for line := range strings.Lines(text) {
		var args []any
		for word := range strings.FieldsSeq(line) {
			args = append(args, word)
		}
		all = append(all, args)
	}
	return all
}

// readRedis runs commands as the account that may only read.
func readRedis(t *testing.T, s *stack.Stack, text string) {
	c := redisClient(t, s.Redis.URL(stack.RedisReaderUser))
	for _, args := range redisLines(text) {
		if err := c.Do(t.Context(), args...).Err(); err != nil && err != redis.Nil { //nolint:errorlint // the library's own sign of no value
			t.Errorf("%v: %v", args, err)
		}
	}
}

// changeRedis runs a change and looks that nothing but its key is gone.
func changeRedis(t *testing.T, s *stack.Stack, text string) {
	c := redisClient(t, s.Redis.URL(stack.RedisAdminUser))
	for _, args := range redisLines(text) {
		key := fmt.Sprint(args[len(args)-1])
		if err := c.Set(t.Context(), key, 99999, 0).Err(); err != nil {
			t.Fatal(err)
		}
		before, err := c.DBSize(t.Context()).Result()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Do(t.Context(), args...).Err(); err != nil {
			t.Errorf("%v: %v", args, err)
		}
		n, err := c.Exists(t.Context(), key).Result()
		if err != nil || n != 0 {
			t.Errorf("%v: the key is still there (%v)", args, err)
		}
		// Counters of merchants who pay meanwhile come and go by the handful.
		if after, err := c.DBSize(t.Context()).Result(); err != nil || after < before/2 {
			t.Errorf("%v: %d keys before, %d after (%v)", args, before, after, err)
		}
	}
}

func redisClient(t *testing.T, url string) *redis.Client {
	t.Helper()
	o, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	c := redis.NewClient(o)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

var (
	selector   = regexp.MustCompile(`\{[^}]*\}`)
	grouping   = regexp.MustCompile(`\b(by|without) \([^)]*\)`)
	metricName = regexp.MustCompile(`\b[a-z][a-z0-9]*(?:_[a-z0-9]+)+\b|\bup\b`)
	labelOf    = regexp.MustCompile(`([a-z_]+)=~?"`)
)

// notSimulated are metrics that the real workers export (Spring Kafka's timer of
// sends) and the simulated ones do not.
var notSimulated = []string{"spring_kafka_template_seconds_count"}

// askPrometheus asks a query, and whether what it asks of is there at all: a name
// that nobody exports is answered with nothing, which reads like good news.
func askPrometheus(t *testing.T, s *stack.Stack, query string) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if _, _, _, err := s.Prometheus.API().Query(ctx, query, time.Now()); err != nil {
		t.Fatalf("%v\n%s", err, query)
	}
	names := metricName.FindAllString(grouping.ReplaceAllString(selector.ReplaceAllString(query, ""), ""), -1)
	names = slices.DeleteFunc(names, func(n string) bool { return n == "histogram_quantile" })
	if len(names) == 0 {
		t.Errorf("no metric in %s", query)
	}
	for _, n := range names {
		if slices.Contains(notSimulated, n) {
			continue
		}
		for _, m := range labelOf.FindAllStringSubmatch(query, -1) {
			// Each label by itself: the values in the page are those of trouble.
			if _, err := s.Prometheus.WaitFor(ctx, n+`{`+m[1]+`!=""}`); err != nil {
				t.Errorf("%s has no label %s: %v", n, m[1], err)
			}
		}
		if _, err := s.Prometheus.WaitFor(ctx, n); err != nil {
			t.Error(err)
		}
	}
}

// runProgram runs a command line with the addresses of this system in place of the
// usual ones.
func runProgram(t *testing.T, s *stack.Stack, line string) {
	words := strings.Fields(line)
	instead := map[string]string{
		"localhost:9092":        s.Kafka.Bootstrap(),
		"http://localhost:8080": s.PaysimOf(paysim.RoleIngest)[0].URL(),
		"http://localhost:9090": s.Prometheus.URL(),
	}
	for i, w := range words {
		for usual, here := range instead {
			w = strings.ReplaceAll(w, usual, here)
		}
		words[i] = w
	}
	line = strings.Join(words, " ")
	switch words[0] {
	case "redis-cli":
		host, port := split(t, s.Redis.URL(stack.RedisReaderUser))
		line = strings.NewReplacer("-h 127.0.0.1", "-h "+host, "-p 6379", "-p "+port).Replace(line)
	case "mariadb-admin":
		host, port := split(t, "tcp://"+s.Shards[0].ClientAddr())
		line = strings.NewReplacer("--host=127.0.0.1", "--host="+host, "--port=3306", "--port="+port).Replace(line)
	}
	words = strings.Fields(line)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd, isKafka := s.Kafka.Tool(ctx, words[0], words[1:]...)
	if !isKafka {
		cmd = exec.CommandContext(ctx, words[0], words[1:]...)
	}
	if words[0] == "curl" {
		cmd.Args = append(cmd.Args, "--fail")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s\n%s", err, line, out)
	}
}

// split takes host and port of a URL.
func split(t *testing.T, url string) (host, port string) {
	t.Helper()
	_, address, _ := strings.Cut(url, "://")
	if _, behind, ok := strings.Cut(address, "@"); ok {
		address = behind
	}
	address, _, _ = strings.Cut(address, "/")
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return host, port
}
