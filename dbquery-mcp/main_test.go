package main

import (
	"bytes"
	"payops-mcp/shared/env"
	"payops-mcp/shared/tooltest"
	"strconv"
	"strings"
	"testing"
	"time"

	"payops-mcp/dbquery-mcp/internal/dbtest"
	"payops-mcp/shared/serve"
)

// The server as a host runs it: settings from the environment, a reader in Seoul,
// and a second shard whose server keeps Seoul's time.
func TestServesOverStdio(t *testing.T) {
	db := dbtest.New(t)
	var zone string
	if err := db.Shards[1].Admin.QueryRow("SELECT @@GLOBAL.time_zone").Scan(&zone); err != nil {
		t.Fatal(err)
	}
	db.Shards[1].Exec(t, "SET GLOBAL time_zone = '+09:00'")
	defer db.Shards[1].Exec(t, "SET GLOBAL time_zone = ?", zone)
	at := time.Date(2026, 3, 1, 14, 59, 59, 0, time.UTC)
	db.Insert(t, 2, dbtest.Payment{Merchant: "M-1", At: at})

	environ := []string{
		"PAYMENT_DB_HOST=" + db.Shards[0].Host, "PAYMENT_DB_PORT=" + strconv.Itoa(db.Shards[0].Port),
		"PAYMENT_DB_HOST_SHARD2=" + db.Shards[1].Host, "PAYMENT_DB_PORT_SHARD2=" + strconv.Itoa(db.Shards[1].Port),
		"PAYMENT_DB_USER=" + db.User, "PAYMENT_DB_PASSWORD=" + db.Password.Reveal(), "PAYMENT_DB_NAME=" + db.Database,
		"PAYOPS_TIMEZONE=Asia/Seoul", "DB_REQUIRE_READONLY_ACCOUNT=true",
	}
	stdin := strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}
{"jsonrpc":"2.0","method":"notifications/initialized"}
{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"query_payments","arguments":{"since":"2026-03-01 23:00","until":"2026-03-02"}}}
`)
	var out, errs bytes.Buffer
	if code := app().Run(t.Context(), nil, environ, stdin, &out, &errs); code != serve.ExitOK {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	for _, want := range []string{"1 payment match", "2026-03-01T23:59:59+09:00", "2026-03-01T23:00:00+09:00 .. 2026-03-03T00:00:00+09:00", `"verdict":"ok"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s\n%s", want, out.String(), errs.String())
		}
	}
}

// run runs the server as a process would.
func run(t *testing.T, environ []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = app().Run(t.Context(), args, environ, strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

func TestHelpListsEverySetting(t *testing.T) {
	code, out, _ := run(t, nil, "--help")
	for _, want := range []string{"PAYMENT_DB_HOST ", "PAYMENT_DB_HOST_SHARDn", "PAYMENT_DB_CA_FILE", "DB_STATEMENT_TIMEOUT", "DB_REQUIRE_READONLY_ACCOUNT", "DB_ALLOW_RUN_SELECT", "PAYOPS_MERCHANT_SCOPE"} {
		if !strings.Contains(out, want) {
			t.Errorf("--help does not tell of %s", want)
		}
	}
	if code != serve.ExitOK {
		t.Errorf("exit code %d", code)
	}
}

func TestWrongSettingsStopTheStart(t *testing.T) {
	code, _, errs := run(t, []string{"PAYMENT_DB_PORT=x", "PAYMENT_DB_HOST_SHARD3=c", "DB_STATEMENT_TIMEOUT=soon"})
	if code != serve.ExitUsage {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{"PAYMENT_DB_PORT", "shard 3", "DB_STATEMENT_TIMEOUT"} {
		if !strings.Contains(errs, want) {
			t.Errorf("%s is not among the mistakes:\n%s", want, errs)
		}
	}
}

// An entry of a host that is left from the servers before these starts, and is
// told what to set.
func TestEntryWithAPIBaseURLAlone(t *testing.T) {
	environ := []string{"API_BASE_URL=http://localhost:8080"}
	code, out, _ := run(t, environ, "--check")
	if code != serve.ExitFailed || !strings.Contains(out, "PAYMENT_DB_HOST is not set") || !strings.Contains(out, "API_BASE_URL is not used") {
		t.Errorf("exit code %d: %s", code, out)
	}
	if code, _, errs := run(t, environ); code != serve.ExitOK {
		t.Errorf("the server did not serve, exit code %d: %s", code, errs)
	}
}

func TestCheckNamesEveryShard(t *testing.T) {
	code, out, _ := run(t, []string{"PAYMENT_DB_HOST=127.0.0.1", "PAYMENT_DB_PORT=1", "PAYMENT_DB_HOST_SHARD2=127.0.0.1", "PAYMENT_DB_PORT_SHARD2=1", "PAYMENT_DB_PASSWORD=wrong-S3cret"}, "--check")
	if code != serve.ExitFailed || strings.Count(out, "FAILED") != 2 || !strings.Contains(out, "shard2 127.0.0.1:1") || strings.Contains(out, "S3cret") {
		t.Errorf("exit code %d: %s", code, out)
	}
}

func TestTheREADMEIsMadeFromTheCode(t *testing.T) {
	a := app()
	if err := env.Load(a.Config, nil, ""); err != nil {
		t.Fatal(err)
	}
	tooltest.README(t, "dbquery-mcp", a.Config, a.Build(nil).Tools)
}

// run_select is there only where the operator has set it.
func TestRunSelectIsOffByDefault(t *testing.T) {
	const list = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}
{"jsonrpc":"2.0","method":"notifications/initialized"}
{"jsonrpc":"2.0","id":2,"method":"tools/list"}
`
	for value, want := range map[string]bool{"": false, "false": false, "true": true} {
		var out, errs bytes.Buffer
		if code := app().Run(t.Context(), nil, []string{"DB_ALLOW_RUN_SELECT=" + value}, strings.NewReader(list), &out, &errs); code != serve.ExitOK {
			t.Fatalf("exit code %d: %s", code, errs.String())
		}
		if got := strings.Contains(out.String(), `"run_select"`); got != want {
			t.Errorf("DB_ALLOW_RUN_SELECT=%q: listed %v", value, got)
		}
	}
}
