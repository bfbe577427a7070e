package runbook

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"payops-mcp/shared/catalog"
)

// tools are the tools of the suite, by server.
var tools = map[string][]string{
	"circuitbreaker": {"get_circuit_breaker_status", "diagnose_circuit_breaker", "check_kafka_health", "analyze_failure_pattern", "inspect_consumer_lag",
		"inspect_dead_letters", "query_metrics", "check_stack_health", "search_runbooks", "read_runbook", "explain_finding", "show_config"},
	"dbquery": {"query_payments", "query_ledgers", "check_outbox_status", "find_duplicate_idempotency", "payment_statistics", "reconciliation_check",
		"trace_payment", "check_settlements", "check_database_health", "run_select"},
	"rediscache": {"check_rate_limit", "idempotency_lookup", "cache_stats", "clear_rate_limit", "list_rate_limit_keys", "find_merchants_hitting_limits", "ttl_analysis"},
}

func pages(t *testing.T) (all []Page) {
	t.Helper()
	for _, id := range BuiltIn() {
		p, ok := builtIn(id)
		if !ok {
			t.Fatalf("no page %s", id)
		}
		all = append(all, p)
	}
	return all
}

func TestEveryFindingHasItsSection(t *testing.T) {
	where := map[string]string{}
	for _, p := range pages(t) {
		for i, s := range p.Sections[1:] {
			if at, twice := where[s.Heading]; twice {
				t.Errorf("%s stands at %s and at %s", s.Heading, at, p.SectionID(i+1))
			}
			where[s.Heading] = p.SectionID(i + 1)
			if _, ok := catalog.Find(catalog.Code(s.Heading)); !ok {
				t.Errorf("%s: the heading %q is no code of the catalog", p.ID, s.Heading)
			}
			at := 0
			for _, part := range []string{"**Means.** ", "**Hurts.** ", "**Make sure.**", "**Do.**", "**Never.** "} {
				i := strings.Index(s.Text[at:], part)
				if i < 0 {
					t.Errorf("%s has no %s behind what comes before it", s.Heading, part)
					break
				}
				at += i
			}
			if s.words == "" || !strings.ContainsFunc(s.words, func(r rune) bool { return r >= '가' && r <= '힣' }) {
				t.Errorf("%s cannot be found in Korean: its words are %q", s.Heading, s.words)
			}
			if n := len(s.Text); n > maxChunk {
				t.Errorf("%s has %d bytes: nobody reads that at 3 in the morning", s.Heading, n)
			}
		}
	}
	for _, e := range catalog.All() {
		if got, want := where[string(e.Code)], catalog.Section(e.Code); got != want {
			t.Errorf("%s is told of at %q, the catalog says %q", e.Code, got, want)
		}
	}
}

// quoted are names in a page that stand as code.
var quoted = regexp.MustCompile("`([^`\n]+)`")

func TestWhatPagesNameExists(t *testing.T) {
	var all []string
	for _, names := range tools {
		all = append(all, names...)
	}
	schema, err := os.ReadFile("../../../sandbox/stack/schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	known := regexp.MustCompile(`[a-z]+(_[a-z]+)+`).FindAllString(string(schema), -1)
	// Columns and variables of MariaDB, accounts of the ledger, and what a broken shedlock has.
	known = append(known, "max_connections", "wait_timeout", "max_statement_time", "trx_rows_modified", "merchant_receivable", "lock_at")
	snake := regexp.MustCompile(`^[a-z]+(_[a-z0-9]+)+$`)
	for _, p := range pages(t) {
		text := withoutFences(p.Markdown())
		for _, m := range quoted.FindAllStringSubmatch(text, -1) {
			if snake.MatchString(m[1]) && !slices.Contains(all, m[1]) && !slices.Contains(known, m[1]) {
				t.Errorf("%s names `%s`, which is no tool, table or column", p.ID, m[1])
			}
		}
		for server, names := range tools {
			for _, m := range regexp.MustCompile(server+" `([a-z_]+)`").FindAllStringSubmatch(text, -1) {
				if !slices.Contains(names, m[1]) {
					t.Errorf("%s gives %s the tool %s", p.ID, server, m[1])
				}
			}
		}
		for _, m := range regexp.MustCompile("[Pp]age `([a-z]+)`").FindAllStringSubmatch(text, -1) {
			if !slices.Contains(BuiltIn(), m[1]) {
				t.Errorf("%s sends its reader to the page %s", p.ID, m[1])
			}
		}
	}
}

// A tool of another server than this page's is named with that server.
func TestPagesSayWhoseToolItIs(t *testing.T) {
	for _, p := range pages(t) {
		text := withoutFences(p.Markdown())
		for _, server := range []string{"dbquery", "rediscache"} {
			for _, name := range tools[server] {
				if strings.Contains(text, "`"+name+"`") && !strings.Contains(text, server) {
					t.Errorf("%s names %s and never %s", p.ID, name, server)
				}
			}
		}
	}
}

func TestListOfToolsIsTheServers(t *testing.T) {
	for server, names := range tools {
		data, err := os.ReadFile("../../../" + server + "-mcp/internal/tools/testdata/tools.json")
		if err != nil {
			t.Fatal(err)
		}
		var listed []struct{ Name string }
		if err := json.Unmarshal(data, &listed); err != nil {
			t.Fatal(err)
		}
		for _, l := range listed {
			if !slices.Contains(names, l.Name) {
				t.Errorf("%s has a tool %s that the runbooks do not know", server, l.Name)
			}
		}
	}
}

// notCodes are words that look like codes of findings.
var notCodes = regexp.MustCompile(`^(PAYMENT|CAPTURE|REFUND|PARTIAL|AUTH)_(AUTHORIZED|REQUESTED|FAILED|CAPTURED|REFUNDED|CAPTURE_REQUESTED|REFUND_REQUESTED)$` +
	`|^HALF_OPEN$|^FORCED_OPEN$|^METRICS_ONLY$|^DUPLICATE_REQUEST$|_AUTHORIZATION_FAILED$|^PG_TIMEOUT$|^(APP|OUTBOX_POLLING|PAYMENT_DB|PROMETHEUS|API|KAFKA|REDIS|PAYOPS)_[A-Z0-9_]*(CAPACITY|SECONDS|RETRIES|HOST_SHARD2|USER|PASSWORD|URL|ORG_ID|TOKEN|MECHANISM|TLS|FILE|TIMEZONE)$` +
	`|^REPLICA_OF$|^UNKNOWN_TOPIC_OR_PARTITION$`)

func TestCodesInPagesAreInTheCatalog(t *testing.T) {
	word := regexp.MustCompile(`\b[A-Z]{2,}(_[A-Z0-9]+)+\b`)
	for _, p := range pages(t) {
		for _, code := range word.FindAllString(withoutFences(p.Markdown()), -1) {
			if _, ok := catalog.Find(catalog.Code(code)); !ok && !notCodes.MatchString(code) {
				t.Errorf("%s names %s, which is neither a finding nor known as something else", p.ID, code)
			}
		}
	}
}

// withoutFences leaves blocks of code out.
func withoutFences(text string) string {
	var b strings.Builder
	inside := false
	for line := range strings.Lines(text) {
		if fenceOf(line) != "" {
			inside = !inside
			continue
		}
		if !inside {
			b.WriteString(line)
		}
	}
	return b.String()
}
