package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"payops-mcp/rediscache-mcp/internal/redistest"
	"payops-mcp/shared/env"
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
		"old entry":      {[]string{"API_BASE_URL=http://u:hunter2@ingest:8080"}, serve.ExitFailed, []string{"REDIS_URL is not set", "API_BASE_URL (http://***@ingest:8080) is not used", "Set REDIS_URL"}},
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
	r := tooltest.Connect(t, a, a.Build(nil).Tools...).Call(t, "check_rate_limit", `{"merchant_id":"M","action":"refund"}`)
	if !strings.HasPrefix(r.Text, "OK - 250/1000 used (25%), resets in 45 s\n") {
		t.Error(r.Text)
	}
}

func TestTheREADMEIsMadeFromTheCode(t *testing.T) {
	a := app()
	if err := env.Load(a.Config, nil, ""); err != nil {
		t.Fatal(err)
	}
	tooltest.README(t, "rediscache-mcp", a.Config, a.Build(nil).Tools)
}

// host speaks MCP to the server as a host does, line by line.
type host struct {
	t  *testing.T
	in io.Writer
	r  *json.Decoder
}

func serving(t *testing.T, environ ...string) host {
	t.Helper()
	toServer, in := io.Pipe()
	out, fromServer := io.Pipe()
	done := make(chan int)
	go func() { done <- app().Run(t.Context(), nil, environ, toServer, fromServer, io.Discard) }()
	t.Cleanup(func() {
		_ = in.Close()
		go func() { _, _ = io.Copy(io.Discard, out) }()
		<-done
	})
	return host{t, in, json.NewDecoder(out)}
}

type message struct {
	ID     any             `json:"id,omitempty"`
	Method string          `json:"method,omitempty"`
	Params json.RawMessage `json:"params,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  json.RawMessage `json:"error,omitempty"`
}

func (h host) send(line string) {
	h.t.Helper()
	if _, err := io.WriteString(h.in, line+"\n"); err != nil {
		h.t.Fatal(err)
	}
}

func (h host) read() (m message) {
	h.t.Helper()
	if err := h.r.Decode(&m); err != nil {
		h.t.Fatal(err)
	}
	return m
}

// cleared is what a host reads of an answer of clear_rate_limit.
type cleared struct {
	ResultType        string
	RequestState      string
	InputRequests     map[string]struct{ Method string }
	StructuredContent struct {
		Data struct{ Confirm, Outcome string }
	}
}

func (h host) result(m message) (c cleared) {
	h.t.Helper()
	if m.Error != nil {
		h.t.Fatalf("%s", m.Error)
	}
	if err := json.Unmarshal(m.Result, &c); err != nil {
		h.t.Fatal(err)
	}
	return c
}

// A person is asked over stdio too, in both eras of the protocol: by a request of
// the server in the one, by an answer that wants more in the other. The id of that
// request is the server's own, and must not be taken for one of the client's.
func TestAPersonIsAskedOverStdio(t *testing.T) {
	s := redistest.Start(t, "user clearer on >hunter2 ~* -@all +@read +info +eval +del")
	s.Must("SET", "rate:refund:M", "99999")
	log := filepath.Join(t.TempDir(), "audit.jsonl")
	environ := []string{"REDIS_URL=redis://clearer:hunter2@" + s.Addr, "REDIS_ALLOW_CLEAR_RATE_LIMIT=true", "REDIS_AUDIT_LOG=" + log}

	h := serving(t, environ...)
	h.send(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{}},"clientInfo":{"name":"t","version":"1"}}}`)
	h.read()
	h.send(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	for id, answer := range []string{`{"action":"decline"}`, `{"action":"accept","content":{"confirm":true}}`} {
		h.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"clear_rate_limit","arguments":{"merchant_id":"M","action":"refund"}}}`, 10+id))
		confirm := h.result(h.read()).StructuredContent.Data.Confirm
		h.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"clear_rate_limit","arguments":{"merchant_id":"M","action":"refund","confirm":%q,"reason":"test"}}}`, 1+id, confirm))
		asked := h.read()
		if asked.Method != "elicitation/create" || !strings.Contains(string(asked.Params), "rate:refund:M") {
			t.Fatalf("%+v", asked)
		}
		h.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%v,"result":%s}`, asked.ID, answer))
		m := h.read()
		if got, want := h.result(m).StructuredContent.Data.Outcome, []string{"declined", "cleared"}[id]; got != want || m.ID != float64(1+id) {
			t.Errorf("%s: %s under id %v", answer, got, m.ID)
		}
	}

	s.Must("SET", "rate:refund:M", "99999")
	meta := `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"},"io.modelcontextprotocol/clientCapabilities":{"elicitation":{"form":{}}}}`
	h = serving(t, environ...)
	h.send(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{` + meta + `,"name":"clear_rate_limit","arguments":{"merchant_id":"M","action":"refund"}}}`)
	confirm := h.result(h.read()).StructuredContent.Data.Confirm
	call := fmt.Sprintf(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{%s,"name":"clear_rate_limit","arguments":{"merchant_id":"M","action":"refund","confirm":%q,"reason":"test"}`, meta, confirm)
	h.send(call + `}}`)
	wants := h.result(h.read())
	if wants.ResultType != "input_required" || wants.InputRequests["confirm"].Method != "elicitation/create" || wants.RequestState == "" {
		t.Fatalf("%+v", wants)
	}
	// An answer to a question that was not put is none.
	h.send(call + `,"requestState":"0000","inputResponses":{"confirm":{"action":"accept","content":{"confirm":true}}}}}`)
	if again := h.result(h.read()); again.ResultType != "input_required" {
		t.Errorf("%+v", again)
	}
	h.send(call + fmt.Sprintf(`,"requestState":%q,"inputResponses":{"confirm":{"action":"accept","content":{"confirm":true}}}}}`, wants.RequestState))
	if got := h.result(h.read()); got.StructuredContent.Data.Outcome != "cleared" || s.Do("EXISTS", "rate:refund:M") != "0" {
		t.Errorf("%+v", got)
	}
}

func TestCheckNamesAnAuditLogThatKeepsNothing(t *testing.T) {
	s := redistest.Start(t)
	code, stdout, _ := run(t, []string{"--check"}, "REDIS_URL=redis://"+s.Addr, "REDIS_ALLOW_CLEAR_RATE_LIMIT=true")
	if code != serve.ExitFailed || !strings.Contains(stdout, "FAILED  audit log (none)") || !strings.Contains(stdout, "ok      redis ") {
		t.Errorf("exit code %d: %s", code, stdout)
	}
	code, stdout, _ = run(t, []string{"--check"}, "REDIS_URL=redis://"+s.Addr, "REDIS_ALLOW_CLEAR_RATE_LIMIT=true", "REDIS_AUDIT_LOG="+filepath.Join(t.TempDir(), "a"))
	if code != serve.ExitOK {
		t.Errorf("exit code %d: %s", code, stdout)
	}
}

// A long scan tells how far it is, where the client wants to know.
func TestAScanTellsItsProgress(t *testing.T) {
	s := redistest.Start(t)
	s.Must("EVAL", "for i=1,tonumber(ARGV[1]) do redis.call('SET','rate:authorize:M'..i,i,'EX',600) end return 1", 0, 60000)
	// Slower for each connection: a page takes about 50 ms, and there are 120.
	h := serving(t, "REDIS_URL=redis://"+redistest.Slow(t, s.Addr, 50*time.Millisecond), "APP_RATE_LIMIT_AUTHORIZE_WINDOW_SECONDS=600")
	h.send(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`)
	h.read()
	h.send(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	h.send(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{"progressToken":"p"},"name":"find_merchants_hitting_limits","arguments":{"time_budget_s":20}}}`)
	told := 0
	for {
		m := h.read()
		if m.Method == "" {
			break
		}
		var p struct {
			ProgressToken   string
			Progress, Total float64
			Message         string
		}
		if err := json.Unmarshal(m.Params, &p); err != nil {
			t.Fatal(err)
		}
		if told++; m.Method != "notifications/progress" || p.ProgressToken != "p" || p.Total != 60000 || p.Progress <= 0 || p.Progress > p.Total || !strings.Contains(p.Message, "% of the keys gone through") {
			t.Errorf("%s %s", m.Method, m.Params)
		}
	}
	if told == 0 {
		t.Error("it told nothing")
	}
}
