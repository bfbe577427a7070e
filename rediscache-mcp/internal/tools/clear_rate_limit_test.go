package tools_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"payops-mcp/rediscache-mcp/internal/audit"
	"payops-mcp/rediscache-mcp/internal/redistest"
	"payops-mcp/rediscache-mcp/internal/token"
	"payops-mcp/rediscache-mcp/internal/tools"
	"payops-mcp/shared/env"
	"payops-mcp/shared/serve"
	"payops-mcp/shared/tooltest"
)

const clearTool = "clear_rate_limit"

// clearer is the account of a deployment that allows it.
const clearer = "user clearer on >x ~* -@all +@read +info +eval +del"

type clearData struct {
	Cleared bool
	Outcome string
	Held    *struct {
		Value     string
		ResetsInS *int64 `json:"resets_in_s"`
	}
	Means      string `json:"clearing_means"`
	Confirm    string
	ExpiresInS int64 `json:"confirm_expires_in_s"`
	Now        *use
	Notes      []string
}

// desk is a server that may clear, and its audit log.
type desk struct {
	tools.Deps
	log string
}

func allowed(t *testing.T, url string) desk {
	t.Helper()
	d := desk{deps(t, url), filepath.Join(t.TempDir(), "audit.jsonl")}
	d.Clearance = &tools.Clearance{Log: audit.New(d.log), Mint: token.NewMint()}
	return d
}

// call calls the tool; the token is that of a first call.
func (d desk) call(t *testing.T, merchant, action, confirm string) (tooltest.Answer[clearData], string) {
	t.Helper()
	return call[clearData](t, d.Deps, clearTool, args(merchant, action, confirm))
}

func args(merchant, action, confirm string) map[string]any {
	a := map[string]any{"merchant_id": merchant, "action": action}
	if confirm != "" {
		a["confirm"], a["reason"] = confirm, "limit lost its TTL, ticket 7"
	}
	return a
}

// refused calls the tool and wants it to refuse, saying something.
func (d desk) refused(t *testing.T, arguments any, want string) {
	t.Helper()
	r := tooltest.New(t, tools.All(d.Deps)...).Call(t, clearTool, arguments)
	if !r.IsError || !strings.Contains(r.Text, want) {
		t.Errorf("%v: got %q (error %v), want it to say %q", arguments, r.Text, r.IsError, want)
	}
}

func (d desk) records(t *testing.T) (all []audit.Record) {
	t.Helper()
	data, err := os.ReadFile(d.log)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		var r audit.Record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, r)
	}
	return all
}

func (d desk) outcomes(t *testing.T) (all []string) {
	t.Helper()
	for _, r := range d.records(t) {
		all = append(all, r.Outcome)
	}
	return all
}

func TestClearIsAbsentUnlessAllowed(t *testing.T) {
	for _, tool := range tools.All(deps(t, "redis://127.0.0.1:1")) {
		if tool.Spec.Name == clearTool {
			t.Error("it is there")
		}
	}
	d := allowed(t, "redis://127.0.0.1:1")
	all := tools.All(d.Deps)
	c := tooltest.New(t, all...)
	tooltest.Conventions(t, c, all)
	for _, l := range c.List(t) {
		asks := l.Meta != nil && l.Meta.AdditionalFields["anthropic/requiresUserInteraction"] == true
		if a, changes := l.Annotations, l.Name == clearTool; *a.ReadOnlyHint == changes || *a.DestructiveHint != changes || *a.IdempotentHint == changes || asks != changes {
			t.Errorf("%s: %+v, %+v", l.Name, a, l.Meta)
		}
	}
}

// RD-01 repaired: shown, then deleted, and nothing else.
func TestClear(t *testing.T) {
	s := redistest.Start(t, clearer)
	s.Must("SET", "rate:authorize:MERCHANT-8", "24731")
	s.Must("SET", "rate:authorize:MERCHANT-88", "24731")
	s.Must("SET", "rate:capture:MERCHANT-8", "5", "EX", "60")
	d := allowed(t, "redis://clearer:x@"+s.Addr)
	a, text := d.call(t, "MERCHANT-8", "authorize", "")
	concludes(t, a, "critical", "RATE_KEY_NO_TTL_BLOCKING")
	says(t, text, `NOT CLEARED YET - authorize of merchant "MERCHANT-8": 24731/24000 used (103.1%), never resets (no TTL)`, "no longer refused; the next authorize opens a new window of 60 s with 24000 requests")
	if s.Do("GET", "rate:authorize:MERCHANT-8") != "24731" || a.Data.Cleared || a.Data.Outcome != "shown" || a.Data.Held.Value != "24731" || a.Data.Held.ResetsInS != nil || a.Data.ExpiresInS != 300 {
		t.Fatalf("%+v", a.Data)
	}
	d.refused(t, map[string]any{"merchant_id": "MERCHANT-8", "action": "authorize", "confirm": a.Data.Confirm}, "reason is missing")

	done, text := d.call(t, "MERCHANT-8", "authorize", a.Data.Confirm)
	concludes(t, done, "ok")
	says(t, text, `CLEARED - authorize of merchant "MERCHANT-8" held "24731", no TTL; now: 0 used, no window open`)
	if !done.Data.Cleared || done.Data.Outcome != "cleared" || done.Data.Held.Value != "24731" || done.Data.Now.State != "no_window_open" || s.Do("DBSIZE") != "2" || s.Do("EXISTS", "rate:authorize:MERCHANT-8") != "0" {
		t.Errorf("%+v; %s keys", done.Data, s.Do("DBSIZE"))
	}
	all := d.records(t)
	if got := d.outcomes(t); !slices.Equal(got, []string{"shown", "deleting", "cleared"}) {
		t.Errorf("the log says %v", got)
	}
	if r := all[2]; r.Merchant != "MERCHANT-8" || r.Action != "authorize" || r.Key != "rate:authorize:MERCHANT-8" || *r.Value != "24731" || r.TTLms != nil || r.Reason != "limit lost its TTL, ticket 7" ||
		!strings.HasPrefix(r.Client, "tooltest") || !strings.Contains(r.Who, "@") || r.Redis != "redis "+s.Addr || r.Consent != "not_asked" || time.Since(r.Time).Abs() > time.Minute {
		t.Errorf("%+v", r)
	}

	// A token is good once, even where the same thing stands there again.
	s.Must("SET", "rate:authorize:MERCHANT-8", "24731")
	d.refused(t, args("MERCHANT-8", "authorize", a.Data.Confirm), "used before")
	if s.Do("GET", "rate:authorize:MERCHANT-8") != "24731" {
		t.Error("a token was good twice")
	}
	if got := d.outcomes(t); got[len(got)-1] != "refused" {
		t.Errorf("the log says %v", got)
	}
}

// What stands there must be what was shown: the token is for no other key, value or
// TTL, and for no other process.
func TestClearOnlyWhatWasShown(t *testing.T) {
	s := redistest.Start(t, clearer)
	d := allowed(t, "redis://clearer:x@"+s.Addr)
	const key = "rate:refund:M"
	for name, c := range map[string]struct {
		set, change [][]any
		outcome     string
	}{
		"counted on":                 {[][]any{{"SET", key, "2000"}}, [][]any{{"INCR", key}}, "changed"},
		"a TTL came":                 {[][]any{{"SET", key, "2000"}}, [][]any{{"EXPIRE", key, "60"}}, "changed"},
		"the TTL went":               {[][]any{{"SET", key, "2000", "EX", "60"}}, [][]any{{"PERSIST", key}}, "changed"},
		"a longer TTL":               {[][]any{{"SET", key, "2000", "EX", "60"}}, [][]any{{"EXPIRE", key, "600"}}, "changed"},
		"a list in its place":        {[][]any{{"SET", key, "2000"}}, [][]any{{"DEL", key}, {"RPUSH", key, "2000"}}, "not_a_counter"},
		"gone":                       {[][]any{{"SET", key, "2000"}}, [][]any{{"DEL", key}}, "gone"},
		"a shorter TTL is but time":  {[][]any{{"SET", key, "2000", "EX", "60"}}, [][]any{{"EXPIRE", key, "50"}}, "cleared"},
		"a word":                     {[][]any{{"SET", key, "abc", "EX", "60"}}, nil, "cleared"},
		"another spelling of it":     {[][]any{{"SET", key, "2000"}}, [][]any{{"SET", key, "2000 "}}, "changed"},
		"31 bytes":                   {[][]any{{"SET", key, strings.Repeat("7", 31)}}, nil, "cleared"},
		"not even a binary one":      {[][]any{{"SET", key, "\x00\xff\r\n"}}, nil, "cleared"},
		"a binary one that changed":  {[][]any{{"SET", key, "\x00\xff"}}, [][]any{{"SET", key, "\x00\xfe"}}, "changed"},
		"nothing but an empty value": {[][]any{{"SET", key, ""}}, nil, "cleared"},
	} {
		t.Run(name, func(t *testing.T) {
			s.Must("FLUSHALL")
			for _, cmd := range c.set {
				s.Must(cmd...)
			}
			a, _ := d.call(t, "M", "refund", "")
			for _, cmd := range c.change {
				s.Must(cmd...)
			}
			left := s.Do("DBSIZE")
			done, text := d.call(t, "M", "refund", a.Data.Confirm)
			if done.Data.Outcome != c.outcome || done.Data.Cleared != (c.outcome == "cleared") || done.Data.Confirm != "" {
				t.Errorf("%+v\n%s", done.Data, text)
			}
			if c.outcome == "cleared" {
				left = "0"
			}
			if got := s.Do("DBSIZE"); got != left {
				t.Errorf("%s keys are left, want %s", got, left)
			}
			if got := d.outcomes(t); got[len(got)-1] != c.outcome {
				t.Errorf("the log says %v", got)
			}
		})
	}
	s.Must("FLUSHALL")
	for _, k := range []string{key, "rate:refund:N", "rate:capture:M"} {
		s.Must("SET", k, "2000")
	}
	a, _ := d.call(t, "M", "refund", "")
	d.refused(t, args("N", "refund", a.Data.Confirm), "something else")
	d.refused(t, args("M", "capture", a.Data.Confirm), "something else")
	d.refused(t, args("M", "refund", "x"+a.Data.Confirm), "none of this process's")
	d.refused(t, args("M", "refund", "yes"), "none of this process's")
	other := allowed(t, "redis://clearer:x@"+s.Addr)
	other.refused(t, args("M", "refund", a.Data.Confirm), "something else")
	if s.Do("DBSIZE") != "3" {
		t.Errorf("%s keys are left", s.Do("DBSIZE"))
	}
	s.Stop()
	s.Run(clearer)
	s.Must("SET", key, "2000")
	d.refused(t, args("M", "refund", a.Data.Confirm), "something else") // another process of Redis
}

// The counter of a later window was deleted by a token for an earlier one: same count,
// and less TTL than was shown.
func TestClearNoLaterWindow(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, clearer)
	d := allowed(t, "redis://clearer:x@"+s.Addr)
	const key = "rate:refund:M"
	s.Must("SET", key, "2000", "PX", "1200")
	a, _ := d.call(t, "M", "refund", "")
	s.Await("the window to end", func() bool { return s.Do("EXISTS", key) == "0" })
	s.Must("SET", key, "2000", "PX", "2000")
	done, text := d.call(t, "M", "refund", a.Data.Confirm)
	if done.Data.Cleared || done.Data.Outcome != "changed" {
		t.Errorf("%+v", done.Data)
	}
	says(t, text, `NOT CLEARED - refund of merchant "M": the counter that was shown ended by itself at `)

	// And where it ends while a person is asked.
	s.Must("SET", key, "2000", "PX", "1500")
	a, _ = d.call(t, "M", "refund", "")
	app := serve.App{Name: "test", Common: &env.Common{CallTimeout: 10 * time.Second, MaxResultBytes: 60000}}
	c := tooltest.ConnectAnswering(t, app, func(string) tooltest.Reply {
		s.Await("the window to end", func() bool { return s.Do("EXISTS", key) == "0" })
		s.Must("SET", key, "2000", "PX", "60000")
		return tooltest.Agree
	}, tools.All(d.Deps)...)
	r := c.Call(t, clearTool, args("M", "refund", a.Data.Confirm))
	if s.Do("EXISTS", key) != "1" || !strings.Contains(r.Text, "ended by itself at ") {
		t.Errorf("%s", r.Text)
	}
}

// In the one step itself, when the key changes after the last look.
func TestClearInOneStep(t *testing.T) {
	s := redistest.Start(t, clearer)
	d := allowed(t, "redis://clearer:x@"+s.Addr)
	const key = "rate:refund:M"
	s.Must("SET", key, "2000")
	a, _ := d.call(t, "M", "refund", "")
	app := serve.App{Name: "test", Common: &env.Common{CallTimeout: 10 * time.Second, MaxResultBytes: 60000}}
	c := tooltest.ConnectAnswering(t, app, func(question string) tooltest.Reply {
		says(t, question, `Delete the rate limit counter "rate:refund:M" on redis `+s.Addr, `It holds "2000" (no TTL: it never resets)`, `Reason given: "limit lost its TTL, ticket 7"`)
		return tooltest.Agree
	}, tools.All(d.Deps)...)

	// Two at once with one token: one deletes.
	var wg sync.WaitGroup
	var mu sync.Mutex
	outcomes := map[string]int{}
	for range 8 {
		wg.Go(func() {
			r := c.Call(t, clearTool, args("M", "refund", a.Data.Confirm))
			mu.Lock()
			defer mu.Unlock()
			if r.IsError {
				outcomes["refused"]++
				return
			}
			outcomes[tooltest.Decode[clearData](t, r).Data.Outcome]++
		})
	}
	wg.Wait()
	if outcomes["cleared"] != 1 || outcomes["refused"]+outcomes["gone"] != 7 {
		t.Errorf("%v", outcomes)
	}

	// Two people at once, each with a token of their own: one deletes.
	s.Must("SET", key, "2000")
	one, _ := d.call(t, "M", "refund", "")
	two, _ := d.call(t, "M", "refund", "")
	clear(outcomes)
	for _, confirm := range []string{one.Data.Confirm, two.Data.Confirm} {
		wg.Go(func() {
			a := tooltest.Decode[clearData](t, c.Call(t, clearTool, args("M", "refund", confirm)))
			mu.Lock()
			defer mu.Unlock()
			outcomes[a.Data.Outcome]++
		})
	}
	wg.Wait()
	if outcomes["cleared"] != 1 || outcomes["gone"] != 1 {
		t.Errorf("%v", outcomes)
	}
}
