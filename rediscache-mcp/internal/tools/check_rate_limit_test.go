package tools_test

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"payops-mcp/rediscache-mcp/internal/redisdb"
	"payops-mcp/rediscache-mcp/internal/redistest"
	"payops-mcp/rediscache-mcp/internal/tools"
	"payops-mcp/shared/tooltest"
)

type answer = tooltest.Answer[struct {
	MerchantID  string `json:"merchant_id"`
	Actions     []use
	Notes       []string
	ConfirmWith string `json:"confirm_with"`
}]

type use struct {
	Action, State, Limits, Key string
	Count                      *int64
	Capacity                   int64
	UsedPercent                *float64 `json:"used_percent"`
	ResetsInS                  *int64   `json:"resets_in_s"`
	WindowS                    int64    `json:"window_s"`
}

const account = "user payro on >ropass ~* -@all +@read +info +slowlog|get +config|get +client|list +memory|usage"

// ask calls the tool as a client does and checks what is true of every answer.
func ask(t *testing.T, d tools.Deps, args any) (answer, string) {
	t.Helper()
	r := tooltest.New(t, tools.All(d)...).Call(t, "check_rate_limit", args)
	a := tooltest.Decode[struct {
		MerchantID  string `json:"merchant_id"`
		Actions     []use
		Notes       []string
		ConfirmWith string `json:"confirm_with"`
	}](t, r)
	if !strings.HasPrefix(r.Text, a.Summary+"\n") {
		t.Errorf("the text does not begin with the summary %q:\n%s", a.Summary, r.Text)
	}
	if fine := strings.HasPrefix(a.Summary, "OK") || strings.HasPrefix(a.Summary, "AT THE LIMIT"); fine != (a.Verdict == "ok") {
		t.Errorf("summary %q and verdict %s disagree", a.Summary, a.Verdict)
	}
	if len(r.Text) > 4000 {
		t.Errorf("%d bytes of text", len(r.Text))
	}
	if strings.Contains(r.Text+string(r.Structured), "hunter2") {
		t.Errorf("the password is in %s", r.Text)
	}
	return a, r.Text
}

func says(t *testing.T, text string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("%s\ndoes not say %q", text, w)
		}
	}
}

func found(t *testing.T, a answer, verdict string, want ...string) {
	t.Helper()
	if got := a.Codes(); !slices.Equal(got, want) || a.Verdict != verdict {
		t.Errorf("found %v with verdict %s (%s), want %v with %s", got, a.Verdict, a.Because, want, verdict)
	}
}

// One window, in the words that the specification gives.
func TestOK(t *testing.T) {
	s := redistest.Start(t, account)
	s.Must("SET", "rate:refund:MERCHANT-8", "250", "EX", "45")
	a, text := ask(t, deps(t, "redis://payro:ropass@"+s.Addr), `{"merchant_id":"MERCHANT-8","action":"refund"}`)
	found(t, a, "ok")
	says(t, text, "OK - 250/1000 used (25%), resets in 45 s\n")
	if u := a.Data.Actions[0]; len(a.Data.Actions) != 1 || *u.Count != 250 || u.Capacity != 1000 || *u.UsedPercent != 25 || *u.ResetsInS != 45 || u.WindowS != 60 || u.Limits != "set" || u.Key != "rate:refund:MERCHANT-8" {
		t.Errorf("%+v", a.Data.Actions)
	}
	if _, offset := a.AsOf.Zone(); offset != 9*3600 || time.Since(a.AsOf).Abs() > 10*time.Second {
		t.Errorf("as of %s, want the server's clock in the configured zone", a.AsOf)
	}
	if !slices.Contains(a.RuledOut, "RATE_KEY_NO_TTL_BLOCKING") || !slices.Contains(a.RuledOut, "REDIS_WRITES_REJECTED_OOM") {
		t.Errorf("ruled out: %v", a.RuledOut)
	}
	a, text = ask(t, deps(t, "redis://payro:ropass@"+s.Addr), `{"merchant_id":"MERCHANT-8"}`)
	found(t, a, "ok")
	says(t, text, "OK - refund 250/1000 used (25%), resets in 45 s; authorize, capture 0 used, no window open")
}

// RD-01: the key lost its TTL, the merchant is refused for ever, and the API says
// "try again in 60 seconds".
func TestBlockedForEver(t *testing.T) {
	s := redistest.Start(t, account)
	s.Must("SET", "rate:authorize:MERCHANT-8", "24731")
	a, text := ask(t, deps(t, "redis://payro:ropass@"+s.Addr), `{"merchant_id":"MERCHANT-8"}`)
	found(t, a, "critical", "RATE_KEY_NO_TTL_BLOCKING")
	says(t, text, "BLOCKED FOR EVER - authorize 24731/24000 used (103.1%), never resets (no TTL)", `DEL "rate:authorize:MERCHANT-8"`, "TTL -1", `"Try again in 60 seconds" is false`)
	if u := a.Data.Actions[0]; u.State != "blocked_for_ever" || *u.Count != 24731 || u.ResetsInS != nil {
		t.Errorf("%+v", u)
	}
	if got := s.Do("GET", "rate:authorize:MERCHANT-8"); got != "24731" {
		t.Errorf("the counter is %s now: this tool changes nothing", got)
	}
}

func TestEachStateOfAKey(t *testing.T) {
	s := redistest.Start(t, account)
	for _, c := range []struct {
		name    string
		set     [][]any // commands
		verdict string
		codes   []string
		says    []string
	}{
		{"RD-02 latent", [][]any{{"SET", "rate:capture:M", "310"}}, "attention", []string{"RATE_KEY_NO_TTL_LATENT"},
			[]string{"COUNTER NEVER RESETS - capture 310/24000 used (1.2%), never resets (no TTL)", "23690 left of 24000"}},
		{"RD-03 throttled", [][]any{{"SET", "rate:authorize:M", "24100", "EX", "41"}}, "attention", []string{"RATE_LIMITED"},
			[]string{"BLOCKED - authorize 24100/24000 used (100.5%), resets in 41 s"}},
		{"RD-04 corrupt", [][]any{{"SET", "rate:authorize:M", "abc", "EX", "3600"}, {"LPUSH", "rate:refund:M", "x"}}, "attention", []string{"RATE_KEY_CORRUPT", "RATE_KEY_CORRUPT"},
			[]string{"NOT LIMITED (corrupt counter) - authorize, refund not limited, the counter is corrupt", `"abc"`, "a list in place of a number"}},
		{"ten megabytes", [][]any{{"SET", "rate:capture:M", strings.Repeat("z", 10<<20)}}, "attention", []string{"RATE_KEY_CORRUPT"},
			[]string{"10485760 bytes that begin with"}},
		{"RD-12 window mismatch", [][]any{{"SET", "rate:authorize:M", "24500", "EX", "3544"}}, "attention", []string{"RATE_WINDOW_MISMATCH"},
			[]string{"BLOCKED - authorize 24500/24000 used (102.1%), resets in 3544 s", "TTL 3544 s"}},
		{"NM-09 burst", [][]any{{"SET", "rate:authorize:M", "22100", "EX", "5"}}, "ok", []string{"RATE_NEAR_LIMIT"},
			[]string{"OK - authorize 22100/24000 used (92%), resets in 5 s"}},
		{"at the limit", [][]any{{"SET", "rate:authorize:M", "24000", "EX", "30"}}, "ok", []string{"RATE_NEAR_LIMIT"},
			[]string{"AT THE LIMIT - authorize 24000/24000 used (100%), the next request is refused, resets in 30 s"}},
		{"two at once, the worst first", [][]any{{"SET", "rate:authorize:M", "24100", "EX", "41"}, {"SET", "rate:refund:M", "2000"}}, "critical", []string{"RATE_KEY_NO_TTL_BLOCKING", "RATE_LIMITED"},
			[]string{"BLOCKED FOR EVER - refund 2000/1000 used (200%), never resets (no TTL); authorize 24100/24000"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.Must("FLUSHALL")
			for _, cmd := range c.set {
				s.Must(cmd...)
			}
			a, text := ask(t, deps(t, "redis://payro:ropass@"+s.Addr), `{"merchant_id":"M"}`)
			found(t, a, c.verdict, c.codes...)
			says(t, text, c.says...)
		})
	}
}

func TestNoCounter(t *testing.T) {
	s := redistest.Start(t, account)
	d := deps(t, "redis://payro:ropass@"+s.Addr)
	a, text := ask(t, d, `{"merchant_id":"MERCHANT-8"}`)
	found(t, a, "ok")
	says(t, text, "OK - authorize, capture, refund 0 used, no window open", "cannot tell an idle merchant from an id that does not exist", "confirm_with: query_payments")
	if u := a.Data.Actions[0]; *u.Count != 0 || u.Capacity != 24000 || *u.UsedPercent != 0 || u.State != "no_window_open" {
		t.Errorf("%+v", u)
	}

	// A slip of the finger must not read as a healthy merchant.
	s.Must("SET", "rate:authorize:MERCHANT-8", "24731")
	for _, id := range []string{" MERCHANT-8 ", "merchant-8", "MERCHANT-8\n"} {
		a, _ := ask(t, d, map[string]any{"merchant_id": id})
		if a.Verdict != "unknown" || !strings.Contains(a.Because, `"MERCHANT-8": was that merchant meant?`) {
			t.Errorf("%q: %s (%s)", id, a.Verdict, a.Because)
		}
		if u := a.Data.Actions[0]; *u.Count != 0 || u.Key != "rate:authorize:"+strings.ReplaceAll(id, "\n", `\n`) {
			t.Errorf("the question was changed: %+v", u)
		}
	}
	// Not a word about a merchant that is none of the asker's business.
	d.Scope = []string{"merchant-8"}
	if a, text := ask(t, d, `{"merchant_id":"merchant-8"}`); a.Verdict != "ok" || strings.Contains(text, "MERCHANT-8") {
		t.Errorf("a merchant outside the scope shows: %s", text)
	}
}

// A slip of the finger is noticed without the right to the probe that counts as no lookup,
// and where it cannot be, that is said.
func TestASlipWithFewerRights(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, "user noprobe on >x ~* -@all +@read +info", "user own on >x ~*:merchant-8 ~*:merchant-8:* -@all +@read +info +memory|usage")
	s.Must("SET", "rate:authorize:MERCHANT-8", "24731")
	s.Must("SET", "idem:authorize:MERCHANT-8:k", body, "EX", "60")
	for user, doubt := range map[string]string{
		"noprobe": "meant?",
		"own":     "by a name like it could not be looked at: ",
	} {
		d := deps(t, "redis://"+user+":x@"+s.Addr)
		r, text := ask(t, d, `{"merchant_id":"merchant-8"}`)
		found(t, r, "unknown")
		says(t, text, "NOT KNOWN - authorize, capture, refund 0 used", doubt)
		h, text := call[hittingData](t, d, find, `{"merchant_ids":["merchant-8"]}`)
		concludes(t, h, "unknown")
		says(t, text, `"merchant-8": no counter for this id`, doubt)
		i, text := lookup(t, d, "merchant-8", "k")
		concludes(t, i, "unknown")
		says(t, text, "NOT IN THE CACHE", doubt)
	}
	// Who is idle is not doubted for that.
	d := deps(t, "redis://noprobe:x@"+s.Addr)
	r, _ := ask(t, d, `{"merchant_id":"IDLE"}`)
	found(t, r, "ok")
	i, _ := lookup(t, d, "IDLE", "k")
	concludes(t, i, "ok")
}

func TestScope(t *testing.T) {
	d := deps(t, "redis://"+redistest.Refusing(t))
	d.Scope = []string{"M1", "M2"}
	for _, id := range []string{"M3", "m1", "M1 ", "M1,M2", "*"} {
		r := tooltest.New(t, tools.All(d)...).Call(t, "check_rate_limit", map[string]any{"merchant_id": id})
		if !r.IsError || !strings.HasPrefix(r.Text, "refused: ") || r.Structured != nil {
			t.Errorf("%q was answered: %s", id, r.Text)
		}
	}
	if a, _ := ask(t, d, `{"merchant_id":"M2"}`); a.Verdict != "critical" {
		t.Errorf("M2 is inside the scope: %+v", a)
	}
}

func TestAssumedLimits(t *testing.T) {
	s := redistest.Start(t, account)
	d := deps(t, "redis://payro:ropass@"+s.Addr)
	d.Limits = limits(false)
	for _, c := range []struct {
		set     []any
		verdict string
		codes   []string
		says    string
	}{
		{[]any{"SET", "rate:authorize:M", "250", "EX", "45"}, "unknown", nil, "NOT KNOWN - authorize 250 of an assumed 24000 used (1%)"},
		{[]any{"SET", "rate:authorize:M", "24100", "EX", "45"}, "unknown", []string{"RATE_LIMITED"}, "the capacity is assumed: set APP_RATE_LIMIT_AUTHORIZE_CAPACITY"},
		{[]any{"SET", "rate:authorize:M", "5", "EX", "3600"}, "unknown", []string{"RATE_WINDOW_MISMATCH"}, "a window is 60 s (assumed)"},
		// That a counter never resets is certain, whatever the limit.
		{[]any{"SET", "rate:authorize:M", "24731"}, "attention", []string{"RATE_KEY_NO_TTL_LATENT", "RATE_KEY_NO_TTL_BLOCKING"}, "over the assumed capacity of 24000 already"},
		{[]any{"DEL", "rate:authorize:M"}, "ok", nil, "OK - authorize, capture, refund 0 used"},
	} {
		s.Must("FLUSHALL")
		s.Must(c.set...)
		a, text := ask(t, d, `{"merchant_id":"M"}`)
		found(t, a, c.verdict, c.codes...)
		says(t, text, c.says)
		if a.Data.Actions[0].Limits != "assumed" {
			t.Errorf("%+v", a.Data.Actions[0])
		}
		for _, f := range a.Findings {
			if (f.Severity == "critical" || f.Severity == "high" || f.Severity == "medium") && f.Code != "RATE_KEY_NO_TTL_LATENT" {
				t.Errorf("%s is %s on an assumed limit", f.Code, f.Severity)
			}
		}
	}
}

func TestLimitOff(t *testing.T) {
	s := redistest.Start(t, account)
	s.Must("SET", "rate:refund:M", "9999")
	d := deps(t, "redis://payro:ropass@"+s.Addr)
	off := d.Limits["refund"]
	off.Capacity = 0
	d.Limits["refund"] = off
	a, text := ask(t, d, `{"merchant_id":"M","action":"refund"}`)
	found(t, a, "ok")
	says(t, text, "OK - not limited by configuration (capacity or window 0)")
	if a.Data.Actions[0].State != "no_limit" {
		t.Errorf("%+v", a.Data.Actions[0])
	}
}

// Ids that would be patterns, commands or escapes anywhere but in an exact key;
// what the answer tells a person to type deletes that key and no other.
func TestStrangeIDs(t *testing.T) {
	s := redistest.Start(t, account)
	d := deps(t, "redis://payro:ropass@"+s.Addr)
	_, err := exec.LookPath("redis-cli")
	for _, id := range []string{"a:b:c", "with space", "가맹점", "{x}", "{action}", "a*", "[a-z]?", "x\r\nFLUSHALL\r\n", `q"\'`, "\u202eright", "tab\t"} {
		s.Must("FLUSHALL")
		s.Must("SET", "rate:capture:other", "1", "EX", "60")
		s.Must("SET", "rate:capture:"+id, "24731")
		a, text := ask(t, d, map[string]any{"merchant_id": id, "action": "capture"})
		found(t, a, "critical", "RATE_KEY_NO_TTL_BLOCKING")
		if *a.Data.Actions[0].Count != 24731 {
			t.Errorf("%q: %+v", id, a.Data.Actions[0])
		}
		if strings.ContainsAny(text, "\u202e\r") || strings.Contains(text, "\nFLUSHALL") {
			t.Errorf("%q is not shown as data:\n%s", id, text)
		}
		if err != nil {
			continue // the rest needs redis-cli
		}
		_, step, _ := strings.Cut(a.Findings[0].NextSteps[0], "key: ")
		cli := exec.Command("redis-cli", "-p", strings.TrimPrefix(s.Addr, "127.0.0.1:")) //nolint:gosec // an address of ours
		cli.Stdin = strings.NewReader(strings.TrimSuffix(step, " (redis-cli)") + "\n")
		var out bytes.Buffer
		cli.Stdout = &out
		if err := cli.Run(); err != nil || strings.TrimSpace(out.String()) != "1" || s.Do("DBSIZE") != "1" {
			t.Errorf("%q: %s answered %q, %v; %s keys are left", id, step, out.String(), err, s.Do("DBSIZE"))
		}
	}
}

func TestEverySourceFailure(t *testing.T) {
	s := redistest.Start(t, account, "user noinfo on >x ~* -@all +@read", "user somekeys on >x ~rate:capture:* -@all +@read +info")
	s.Must("SET", "rate:authorize:M", "24100", "EX", "60")
	s.Must("SET", "rate:capture:M", "10", "EX", "60")
	closed := redistest.Start(t)
	closed.Must("CONFIG", "SET", "requirepass", "x")
	for name, c := range map[string]struct {
		url     string
		verdict string
		codes   []string
		says    []string
		most    time.Duration
	}{
		"refused":        {"redis://u:hunter2@" + redistest.Refusing(t), "critical", []string{"REDIS_UNREACHABLE"}, []string{"NOT KNOWN - redis 127.0.0.1:", "(unreachable)", "connection refused", "looked=0 of 3 keys"}, time.Second},
		"black hole":     {"redis://u:hunter2@" + redistest.BlackHole(t), "attention", []string{"REDIS_SLOW", "REDIS_UNREACHABLE"}, []string{"(timeout)", "takes connections and answers nothing"}, 4 * time.Second},
		"wrong password": {"redis://payro:hunter2@" + s.Addr, "unknown", []string{"SRC_REDIS_AUTH"}, []string{"(auth)", "WRONGPASS"}, time.Second},
		"no account":     {"redis://" + closed.Addr, "unknown", []string{"SRC_REDIS_AUTH"}, []string{"(auth)", "NOAUTH"}, time.Second},
		"no INFO":        {"redis://noinfo:x@" + s.Addr, "attention", []string{"RATE_LIMITED", "SRC_REDIS_PERMISSION"}, []string{"BLOCKED - authorize 24100/24000", "this machine's clock", "INFO FAILED (permission"}, time.Second},
		"some keys":      {"redis://somekeys:x@" + s.Addr, "unknown", []string{"SRC_REDIS_PERMISSION"}, []string{"NOT KNOWN IN PART - authorize, refund could not be read (permission); capture 10/24000", "looked=1 of 3 keys"}, time.Second},
		"a web server":   {"redis://" + redistest.Saying(t, "HTTP/1.1 400 Bad Request\r\n\r\n"), "unknown", []string{"REDIS_UNREACHABLE"}, []string{"no Redis"}, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			a, text := ask(t, deps(t, c.url), `{"merchant_id":"M"}`)
			if took := time.Since(start); took > c.most+2*time.Second {
				t.Errorf("took %s, want at most %s", took, c.most)
			}
			found(t, a, c.verdict, c.codes...)
			says(t, text, c.says...)
			failed := false
			for _, src := range a.Sources {
				failed = failed || !src.OK && src.Asked != "" && src.Said != ""
			}
			if !failed {
				t.Errorf("no source says that it failed: %+v", a.Sources)
			}
		})
	}
}

// While Redis refuses writes, ingest cannot count and lets everything pass: a
// counter below its limit says nothing then.
func TestNeverHealthyWhileWritesAreRefused(t *testing.T) {
	t.Run("RD-05 out of memory", func(t *testing.T) {
		s := redistest.Start(t, account, "maxmemory 3mb", "maxmemory-policy noeviction")
		s.Must("SET", "rate:authorize:M", "250", "EX", "60")
		for i := 0; !strings.HasPrefix(s.Do("SET", fmt.Sprint("fill", i), strings.Repeat("x", 10000)), "OOM"); i++ {
		}
		s.Must("CONFIG", "SET", "maxmemory", "2mb") // over by so much that no buffer matters
		a, text := ask(t, deps(t, "redis://payro:ropass@"+s.Addr), `{"merchant_id":"M","action":"authorize"}`)
		found(t, a, "attention", "REDIS_WRITES_REJECTED_OOM", "RATE_LIMITER_FAIL_OPEN")
		says(t, text, "LIMITER OFF (Redis refuses writes) - 250/24000", "of maxmemory 2097152 bytes, maxmemory_policy:noeviction", "not_enforced")
	})
	t.Run("RD-06 evicting is no refusal", func(t *testing.T) {
		s := redistest.Start(t, account, "maxmemory 2mb", "maxmemory-policy allkeys-lru")
		for i := range 400 {
			s.Must("SET", fmt.Sprint("fill", i), strings.Repeat("x", 10000))
		}
		s.Must("SET", "rate:authorize:M", "250", "EX", "60")
		a, _ := ask(t, deps(t, "redis://payro:ropass@"+s.Addr), `{"merchant_id":"M"}`)
		found(t, a, "ok")
	})
	t.Run("snapshots fail", func(t *testing.T) {
		s := redistest.Start(t, account, "save 3600 1", "dbfilename no.rdb")
		s.Must("SET", "rate:authorize:M", "250", "EX", "60")
		s.LoseDir()
		s.Must("BGSAVE")
		s.Await("the snapshot to fail", func() bool { return s.Stat("rdb_last_bgsave_status") == "err" })
		if got := s.Do("INCR", "rate:authorize:M"); !strings.HasPrefix(got, "MISCONF") {
			t.Fatal(got)
		}
		d := deps(t, "redis://payro:ropass@"+s.Addr)
		a, text := ask(t, d, `{"merchant_id":"M"}`)
		found(t, a, "attention", "REDIS_WRITES_REJECTED_MISCONF", "RATE_LIMITER_FAIL_OPEN")
		says(t, text, "LIMITER OFF", "rdb_last_bgsave_status:err")
		s.Must("CONFIG", "SET", "stop-writes-on-bgsave-error", "no")
		a, _ = ask(t, d, `{"merchant_id":"M"}`)
		found(t, a, "ok")
	})
	t.Run("RD-07 a replica", func(t *testing.T) {
		s := redistest.Start(t, account)
		s.Must("SET", "rate:authorize:M", "250", "EX", "60")
		host, port, _ := strings.Cut(redistest.Refusing(t), ":")
		s.Must("REPLICAOF", host, port)
		d := deps(t, "redis://payro:ropass@"+s.Addr)
		a, _ := ask(t, d, `{"merchant_id":"M"}`)
		found(t, a, "unknown", "REDIS_READONLY") // nobody was refused: perhaps it is a replica on purpose
		if got := s.Do("INCR", "rate:authorize:M"); !strings.HasPrefix(got, "READONLY") {
			t.Fatal(got)
		}
		a, text := ask(t, deps(t, "redis://payro:ropass@"+s.Addr), `{"merchant_id":"M"}`)
		found(t, a, "unknown", "REDIS_READONLY") // one was, at some time
		says(t, text, "It has refused 1 since it started, none of late")
		stop := counting(t, s, "rate:authorize:M")
		a, text = ask(t, deps(t, "redis://payro:ropass@"+s.Addr), `{"merchant_id":"M"}`)
		stop()
		found(t, a, "attention", "REDIS_READONLY", "RATE_LIMITER_FAIL_OPEN")
		says(t, text, "LIMITER OFF", "it refuses writes, ", "role:slave, master_link_status:down, errorstat_READONLY ")
	})
	t.Run("TS-18 loading", func(t *testing.T) {
		s := redistest.Start(t, account, "save 3600 1")
		for i := range 2000 {
			s.Must("SET", fmt.Sprint("k", i), strings.Repeat("x", 100))
		}
		s.Must("SAVE")
		s.Stop()
		s.Run(account, "key-load-delay 2000", "loading-process-events-interval-bytes 1024")
		a, text := ask(t, deps(t, "redis://payro:ropass@"+s.Addr), `{"merchant_id":"M"}`)
		found(t, a, "attention", "REDIS_LOADING", "RATE_LIMITER_FAIL_OPEN")
		says(t, text, "LIMITER OFF", "loading:1", "LOADING ")
	})
	t.Run("a script that does not end", func(t *testing.T) {
		s := redistest.Start(t, account, "lua-time-limit 10")
		go s.Admin.Eval(t.Context(), "while true do end", nil) // ends with the server
		s.Await("the script to be noticed", func() bool { return strings.HasPrefix(s.Do("GET", "x"), "BUSY") })
		a, text := ask(t, deps(t, "redis://payro:ropass@"+s.Addr), `{"merchant_id":"M"}`)
		found(t, a, "attention", "REDIS_SLOW", "RATE_LIMITER_FAIL_OPEN")
		says(t, text, "LIMITER OFF", "runs a script")
	})
}

func TestSlow(t *testing.T) {
	s := redistest.Start(t, account)
	s.Must("SET", "rate:authorize:M", "250", "EX", "60")
	for _, delay := range []time.Duration{150 * time.Millisecond, 900 * time.Millisecond} {
		start := time.Now()
		a, text := ask(t, deps(t, "redis://payro:ropass@"+redistest.Slow(t, s.Addr, delay)), `{"merchant_id":"M"}`)
		found(t, a, "attention", "REDIS_SLOW")
		says(t, text, "ATTENTION - authorize 250/24000", "a bare TCP connection")
		if took := time.Since(start); took > 6*time.Second {
			t.Errorf("took %s", took)
		}
	}
}

func TestNotConfigured(t *testing.T) {
	d := deps(t, "redis://x")
	d.Redis = redisdb.Unset("REDIS_URL is not set. API_BASE_URL (http://ingest:8080) is not used by rediscache-mcp: it asks Redis itself", "Set REDIS_URL")
	a, text := ask(t, d, `{"merchant_id":"M"}`)
	found(t, a, "unknown")
	says(t, text, "NOT KNOWN - REDIS_URL is not set. API_BASE_URL (http://ingest:8080) is not used", "Set REDIS_URL")
}

func TestArguments(t *testing.T) {
	s := redistest.Start(t, account)
	d := deps(t, "redis://payro:ropass@"+s.Addr)
	for args, want := range map[string]string{
		`{}`:                                  "merchant_id is missing",
		`{"merchant_id":""}`:                  "want text of 1 to 200 characters",
		`{"merchant_id":"M","action":"auth"}`: "one of authorize, capture, refund",
		`{"merchant_id":"M","actions":"capture"}`: "did you mean action?",
		`{"merchant_id":8}`:                       "merchant_id: got 8, want text",
	} {
		r := tooltest.New(t, tools.All(d)...).Call(t, "check_rate_limit", args)
		if !r.IsError || !strings.Contains(r.Text, want) {
			t.Errorf("%s: %q, want it to say %q", args, r.Text, want)
		}
	}
}

func TestThirtyTwoAtOnce(t *testing.T) {
	s := redistest.Start(t, account)
	s.Must("SET", "rate:authorize:M", "250", "EX", "60")
	c := tooltest.New(t, tools.All(deps(t, "redis://payro:ropass@"+s.Addr))...)
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			if r := c.Call(t, "check_rate_limit", `{"merchant_id":"M"}`); r.IsError || !strings.HasPrefix(r.Text, "OK - authorize 250/24000") {
				t.Error(r.Text)
			}
		})
	}
	wg.Wait()
}

// A master that demands more replicas than keep up refuses every write, and the first
// look says so: at once where it has none, after a second one where others were refused
// before.
func TestAMasterWithoutItsReplicas(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, account, "min-replicas-to-write 1", "repl-diskless-sync-delay 0")
	a, text := ask(t, deps(t, "redis://payro:ropass@"+s.Addr), `{"merchant_id":"M"}`)
	found(t, a, "attention", "RATE_LIMITER_FAIL_OPEN")
	says(t, text, "LIMITER OFF", "min-replicas-to-write", "min_slaves_good_slaves:0")
	b, _ := call[statsData](t, deps(t, "redis://payro:ropass@"+s.Addr), stats, `{}`)
	concludes(t, b, "attention", "RATE_LIMITER_FAIL_OPEN")

	redistest.Replica(t, s)
	refused := false
	s.Await("the replica to count", func() bool {
		said := s.Do("SET", "rate:authorize:M", "250", "EX", "60")
		refused = refused || strings.HasPrefix(said, "NOREPLICAS")
		return said == "OK"
	})
	if !refused {
		s.Must("CONFIG", "SET", "min-replicas-to-write", "2")
		s.Do("INCR", "rate:authorize:X")
		s.Must("CONFIG", "SET", "min-replicas-to-write", "1")
	}
	a, text = ask(t, deps(t, "redis://payro:ropass@"+s.Addr), `{"merchant_id":"M"}`)
	if found(t, a, "ok"); t.Failed() {
		t.Error(text)
	}
	s.Must("CONFIG", "SET", "min-replicas-to-write", "2")
	stop := counting(t, s, "rate:authorize:M")
	a, text = ask(t, deps(t, "redis://payro:ropass@"+s.Addr), `{"merchant_id":"M"}`)
	stop()
	found(t, a, "attention", "RATE_LIMITER_FAIL_OPEN")
	says(t, text, "LIMITER OFF", "min_slaves_good_slaves:1, errorstat_NOREPLICAS ")
}

// counting adds to a counter over and over, as ingest does, until it is stopped.
func counting(t *testing.T, s *redistest.Server, key string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var writer sync.WaitGroup
	writer.Go(func() {
		for ctx.Err() == nil {
			s.Do("INCR", key)
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	return func() {
		cancel()
		writer.Wait()
	}
}
