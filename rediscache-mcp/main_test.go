package main

import (
	"bytes"
	"context"
	"io"
	"payops-mcp/shared/env"
	"strings"
	"testing"

	"payops-mcp/rediscache-mcp/internal/redistest"
	"payops-mcp/shared/serve"
	"payops-mcp/shared/tooltest"
)

// run runs the server with nothing on its standard input.
func run(t *testing.T, args []string, environ ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, log bytes.Buffer
	code = app().Run(t.Context(), args, environ, strings.NewReader(""), &out, &log)
	for _, text := range []string{out.String(), log.String()} {
		if strings.Contains(text, "hunter2") {
			t.Errorf("the password is in %q", text)
		}
	}
	return code, out.String(), log.String()
}

func TestCheck(t *testing.T) {
	s := redistest.Start(t, "user payro on >hunter2 ~* -@all +@read +info")
	for name, c := range map[string]struct {
		environ []string
		code    int
		says    []string
	}{
		"answers":        {[]string{"REDIS_URL=redis://payro:hunter2@" + s.Addr}, serve.ExitOK, []string{"ok      redis " + s.Addr}},
		"refused":        {[]string{"REDIS_URL=redis://payro:hunter2@" + redistest.Refusing(t)}, serve.ExitFailed, []string{"FAILED  redis 127.0.0.1:", "unreachable", "connection refused", "Check that REDIS_URL"}},
		"wrong password": {[]string{"REDIS_URL=redis://payro:hunter2x@" + s.Addr}, serve.ExitFailed, []string{"FAILED  redis " + s.Addr, "WRONGPASS"}},
		"old entry":      {[]string{"API_BASE_URL=http://u:hunter2@ingest:8080"}, serve.ExitFailed, []string{"REDIS_URL is not set", "API_BASE_URL (http://***@ingest:8080) is no longer used", "Set REDIS_URL"}},
		"bad URL":        {[]string{"REDIS_URL=redis://u:hunter2@h/x"}, serve.ExitUsage, nil},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := run(t, []string{"--check"}, c.environ...)
			if code != c.code {
				t.Errorf("exit code %d, want %d: %s%s", code, c.code, stdout, stderr)
			}
			for _, want := range c.says {
				if !strings.Contains(stdout, want) {
					t.Errorf("%q does not say %q", stdout, want)
				}
			}
		})
	}
}

func TestWrongSettingsStopTheStart(t *testing.T) {
	code, _, stderr := run(t, nil, "REDIS_URL=localhost", "RATE_LIMIT_KEY_TEMPLATE=rate:{merchant_id}", "APP_RATE_LIMIT_REFUND_CAPACITY=x")
	if code != serve.ExitUsage {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{"REDIS_URL: no scheme", "{action} is missing", "APP_RATE_LIMIT_REFUND_CAPACITY"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("%q does not say %q", stderr, want)
		}
	}
}

// The server must start, and answer, when what it asks is down or not named.
func TestStartsWithoutRedis(t *testing.T) {
	for _, environ := range [][]string{{"REDIS_URL=redis://:hunter2@" + redistest.BlackHole(t)}, {"API_BASE_URL=http://ingest:8080"}, nil} {
		in, host := io.Pipe()
		var out bytes.Buffer
		done := make(chan int)
		a := app()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { done <- a.Run(ctx, nil, environ, in, &out, io.Discard) }()
		_, err := io.WriteString(host, `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`+"\n")
		if err != nil {
			t.Fatal(err)
		}
		_ = host.Close()
		if code := <-done; code != serve.ExitOK || !strings.Contains(out.String(), `"name":"rediscache-mcp"`) {
			t.Errorf("%v: exit code %d, said %q", environ, code, out.String())
		}
	}
}

func TestHelpNamesEverySetting(t *testing.T) {
	_, stdout, _ := run(t, []string{"--help"})
	for _, want := range []string{"REDIS_URL", "REDIS_CA_FILE", "RATE_LIMIT_KEY_TEMPLATE", "APP_RATE_LIMIT_CAPTURE_CAPACITY", "PAYOPS_TIMEZONE"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("--help does not name %s", want)
		}
	}
}

// The tools as the process serves them, settings and all.
func TestAnswersOverMCP(t *testing.T) {
	s := redistest.Start(t, "user payro on >hunter2 ~* -@all +@read +info")
	s.Must("SET", "limits/refund/M", "250", "EX", "45")
	a := app()
	environ := []string{"REDIS_URL=redis://payro:hunter2@" + s.Addr, "RATE_LIMIT_KEY_TEMPLATE=limits/{action}/{merchant_id}", "APP_RATE_LIMIT_REFUND_CAPACITY=1000"}
	var out bytes.Buffer
	if code := a.Run(t.Context(), []string{"--check"}, environ, strings.NewReader(""), &out, &out); code != serve.ExitOK {
		t.Fatal(out.String())
	}
	r := tooltest.Connect(t, a, a.Build().Tools...).Call(t, "check_rate_limit", `{"merchant_id":"M","action":"refund"}`)
	if !strings.HasPrefix(r.Text, "OK - 250/1000 used (25%), resets in 45 s\n") {
		t.Error(r.Text)
	}
}

func TestTheREADMEIsMadeFromTheCode(t *testing.T) {
	a := app()
	if err := env.Load(a.Config, nil, ""); err != nil {
		t.Fatal(err)
	}
	tooltest.README(t, "rediscache-mcp", a.Config, a.Build().Tools)
}
