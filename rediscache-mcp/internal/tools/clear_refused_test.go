package tools_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"payops-mcp/rediscache-mcp/internal/audit"
	"payops-mcp/rediscache-mcp/internal/redistest"
	"payops-mcp/rediscache-mcp/internal/tools"
	"payops-mcp/shared/env"
	"payops-mcp/shared/serve"
	"payops-mcp/shared/tooltest"
)

// A person who says no, or takes so long that the counter is another one by then.
func TestClearAsksAPerson(t *testing.T) {
	s := redistest.Start(t, clearer)
	d := allowed(t, "redis://clearer:x@"+s.Addr)
	app := serve.App{Name: "test", Common: &env.Common{CallTimeout: 10 * time.Second, MaxResultBytes: 60000}}
	for name, c := range map[string]struct {
		says     tooltest.Reply
		outcome  string
		recorded []string
		left     string
	}{
		"no":                   {tooltest.Decline, "declined", []string{"shown", "asked", "declined"}, "2000"},
		"closed":               {tooltest.Close, "declined", []string{"shown", "asked", "declined"}, "2000"},
		"changed meanwhile":    {tooltest.Agree, "changed", []string{"shown", "asked", "changed"}, "2001"},
		"yes, but not ticked":  {tooltest.Reply{Action: "accept", Form: map[string]any{}}, "declined", []string{"shown", "asked", "declined"}, "2000"},
		"ticked with the word": {tooltest.Reply{Action: "accept", Form: map[string]any{"confirm": "true"}}, "declined", []string{"shown", "asked", "declined"}, "2000"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.RemoveAll(d.log); err != nil {
				t.Fatal(err)
			}
			s.Must("SET", "rate:refund:M", "2000")
			client := tooltest.ConnectAnswering(t, app, func(string) tooltest.Reply {
				if c.outcome == "changed" {
					s.Must("INCR", "rate:refund:M")
				}
				return c.says
			}, tools.All(d.Deps)...)
			a, _ := d.call(t, "M", "refund", "")
			r := client.Call(t, clearTool, args("M", "refund", a.Data.Confirm))
			done := tooltest.Decode[clearData](t, r)
			if done.Data.Outcome != c.outcome || done.Data.Cleared || s.Do("GET", "rate:refund:M") != c.left {
				t.Errorf("%+v: %s", done.Data, r.Text)
			}
			if got := d.outcomes(t); !slices.Equal(got, c.recorded) {
				t.Errorf("the log says %v, want %v", got, c.recorded)
			}
			if c.outcome == "declined" { // who said no is not asked again for the same
				d.refused(t, args("M", "refund", a.Data.Confirm), "used before")
			}
		})
	}
}

// Redis itself refuses where the account may not, or where it takes no writes.
func TestClearRefusedByRedis(t *testing.T) {
	s := redistest.Start(t, account, clearer, "user evals on >x ~* -@all +@read +info +eval", "user dels on >x ~* -@all +@read +info +del", "user blind on >x ~* -@all +info +eval +del")
	s.Must("SET", "rate:refund:M", "2000")
	for name, user := range map[string]string{"the least account": "payro:ropass", "no DEL in a script": "evals:x", "no EVAL": "dels:x"} {
		t.Run(name, func(t *testing.T) {
			d := allowed(t, "redis://"+user+"@"+s.Addr)
			a, _ := d.call(t, "M", "refund", "")
			done, text := d.call(t, "M", "refund", a.Data.Confirm)
			concludes(t, done, "critical", "RATE_KEY_NO_TTL_BLOCKING", "SRC_REDIS_PERMISSION")
			says(t, text, "NOT CLEARED - Redis refused it (permission)", "The account of REDIS_URL may not delete", `DEL "rate:refund:M"`)
			if done.Data.Cleared || done.Data.Outcome != "refused" || s.Do("GET", "rate:refund:M") != "2000" {
				t.Errorf("%+v", done.Data)
			}
			if all := d.records(t); all[len(all)-1].Outcome != "refused" || !strings.Contains(all[len(all)-1].Detail, "NOPERM") && !strings.Contains(all[len(all)-1].Detail, "The user executing the script") && !strings.Contains(all[len(all)-1].Detail, "ACL failure in script") {
				t.Errorf("%+v", all)
			}
		})
	}
	d := allowed(t, "redis://blind:x@"+s.Addr)
	a, text := d.call(t, "M", "refund", "")
	concludes(t, a, "unknown", "SRC_REDIS_PERMISSION")
	if a.Data.Outcome != "not_read" || a.Data.Confirm != "" || !strings.HasPrefix(text, "NOT CLEARED - ") {
		t.Errorf("%s", text)
	}

	t.Run("a replica", func(t *testing.T) {
		d := allowed(t, "redis://clearer:x@"+s.Addr)
		a, _ := d.call(t, "M", "refund", "")
		host, port, _ := strings.Cut(redistest.Refusing(t), ":")
		s.Must("REPLICAOF", host, port)
		done, text := d.call(t, "M", "refund", a.Data.Confirm)
		s.Must("REPLICAOF", "NO", "ONE")
		if done.Data.Outcome != "refused" || done.Verdict == "ok" || s.Do("GET", "rate:refund:M") != "2000" {
			t.Errorf("%s", text)
		}
		says(t, text, "READONLY")
	})
	t.Run("down", func(t *testing.T) {
		d := allowed(t, "redis://clearer:x@"+s.Addr)
		a, _ := d.call(t, "M", "refund", "")
		s.Stop()
		done, _ := d.call(t, "M", "refund", a.Data.Confirm)
		concludes(t, done, "critical", "REDIS_UNREACHABLE")
		if done.Data.Outcome != "not_read" {
			t.Errorf("%+v", done.Data)
		}
	})
}

// A full memory refuses writes, and still lets go of a key.
func TestClearWhileOutOfMemory(t *testing.T) {
	s := redistest.Start(t, clearer, "maxmemory 3mb", "maxmemory-policy noeviction")
	s.Must("SET", "rate:refund:M", "2000")
	for i := 0; !strings.HasPrefix(s.Do("SET", fmt.Sprint("fill", i), strings.Repeat("x", 10000)), "OOM"); i++ {
	}
	s.Must("CONFIG", "SET", "maxmemory", "2mb")
	d := allowed(t, "redis://clearer:x@"+s.Addr)
	a, _ := d.call(t, "M", "refund", "")
	done, text := d.call(t, "M", "refund", a.Data.Confirm)
	concludes(t, done, "attention", "REDIS_WRITES_REJECTED_OOM", "RATE_LIMITER_FAIL_OPEN")
	if !done.Data.Cleared || s.Do("EXISTS", "rate:refund:M") != "0" {
		t.Error(text)
	}
}

// Nothing is done without a record of it.
func TestNothingIsClearedWithoutALog(t *testing.T) {
	s := redistest.Start(t, clearer)
	s.Must("SET", "rate:refund:M", "2000")
	d := allowed(t, "redis://clearer:x@"+s.Addr)
	for _, path := range []string{"", t.TempDir(), os.DevNull} {
		d.Clearance.Log = audit.New(path)
		d.refused(t, args("M", "refund", ""), "refused: nothing is deleted without an audit log")
	}
	d.Clearance.Log = audit.New(d.log)
	a, _ := d.call(t, "M", "refund", "")
	d.Clearance.Log = audit.New("")
	d.refused(t, args("M", "refund", a.Data.Confirm), "Set REDIS_AUDIT_LOG")
	if s.Do("GET", "rate:refund:M") != "2000" {
		t.Error("it is gone")
	}
}

func TestClearKeepsToItsMerchantsAndKeys(t *testing.T) {
	s := redistest.Start(t, clearer)
	d := allowed(t, "redis://clearer:x@"+s.Addr)
	for _, id := range []string{"a:b:c", "with space", "가맹점", "{x}", "a*", "[a-z]?", "x\r\nFLUSHALL\r\n", `q"\'`, "\u202eright", "*", "4111111111111111"} {
		s.Must("FLUSHALL")
		s.Must("SET", "rate:capture:other", "1", "EX", "60")
		s.Must("SET", "rate:capture:"+id, "24731")
		a, _ := d.call(t, id, "capture", "")
		done, text := d.call(t, id, "capture", a.Data.Confirm)
		if !done.Data.Cleared || s.Do("DBSIZE") != "1" || s.Do("GET", "rate:capture:other") != "1" {
			t.Errorf("%q: %s", id, text)
		}
		if strings.ContainsAny(text, "\u202e\r") || strings.Contains(text, "\nFLUSHALL") {
			t.Errorf("%q is not shown as data:\n%s", id, text)
		}
		if all := d.records(t); all[len(all)-1].Merchant != id || all[len(all)-1].Key != "rate:capture:"+id {
			t.Errorf("%q: the log says %+v", id, all[len(all)-1])
		}
	}
	d.refused(t, map[string]any{"merchant_id": "", "action": "capture"}, "merchant_id")
	d.refused(t, map[string]any{"merchant_id": "M"}, "action is missing")
	d.refused(t, map[string]any{"merchant_id": "M", "action": "login"}, "one of authorize, capture, refund")

	d.Scope = []string{"M1"}
	s.Must("SET", "rate:capture:M2", "24731")
	d.refused(t, args("M2", "capture", ""), "refused: merchant")
	d.Scope = nil
	a, _ := d.call(t, "M2", "capture", "")
	d.Scope = []string{"M1"}
	d.refused(t, args("M2", "capture", a.Data.Confirm), "refused: merchant")
	d.Scope = nil

	// A template under which a merchant's name makes another family's key.
	if err := d.RateKey.UnmarshalText([]byte("{merchant_id}:{action}")); err != nil {
		t.Fatal(err)
	}
	s.Must("SET", "idem:authorize:X:authorize", "5")
	d.refused(t, args("idem:authorize:X", "authorize", ""), "none of a counter")
	if err := d.RateKey.UnmarshalText([]byte("rate:{action}-{merchant_id}")); err != nil {
		t.Fatal(err)
	}
	s.Must("SET", "rate:capture-M", "24731")
	if a, _ := d.call(t, "M", "capture", ""); a.Data.Outcome != "shown" {
		t.Errorf("%+v", a.Data)
	}
}

// What is no counter may be somebody's data.
func TestClearLeavesWhatIsNoCounter(t *testing.T) {
	s := redistest.Start(t, clearer)
	d := allowed(t, "redis://clearer:x@"+s.Addr)
	s.Must("RPUSH", "rate:refund:LIST", "x")
	s.Must("SET", "rate:refund:LONG", strings.Repeat("7", 32))
	for _, m := range []string{"LIST", "LONG"} {
		a, text := d.call(t, m, "refund", "")
		concludes(t, a, "attention", "RATE_KEY_CORRUPT")
		if a.Data.Outcome != "not_a_counter" || a.Data.Confirm != "" || s.Do("EXISTS", "rate:refund:"+m) != "1" {
			t.Errorf("%s: %+v", m, a.Data)
		}
		says(t, text, "NOT CLEARED - ", "is left to a human", `DEL "rate:refund:`+m)
	}
	a, text := d.call(t, "NONE", "refund", "")
	concludes(t, a, "ok")
	says(t, text, "NOTHING TO CLEAR - ")
	if a.Data.Confirm != "" {
		t.Error("there is a token for nothing")
	}
	for set, want := range map[string]string{
		"500":  "is not blocked, and gets more than the limit allows",
		"1200": "the limiter does its work here and the block ends by itself",
	} {
		s.Must("SET", "rate:refund:M", set, "EX", "40")
		if a, _ := d.call(t, "M", "refund", ""); !strings.Contains(a.Data.Means, want) || *a.Data.Held.ResetsInS != 40 {
			t.Errorf("%s: %q", set, a.Data.Means)
		}
	}
}

// The connection breaks after the order: it is said that nobody knows, and the
// order is not given again.
func TestClearWithoutAnAnswer(t *testing.T) {
	s := redistest.Start(t, clearer)
	s.Must("SET", "rate:refund:M", "2000")
	for name, cut := range map[string]func([]byte) redistest.Fate{
		"done, unheard": func(b []byte) redistest.Fate {
			if strings.Contains(string(b), "eval") {
				return redistest.CutAfter
			}
			return redistest.Pass
		},
		"never arrived": func(b []byte) redistest.Fate {
			if strings.Contains(string(b), "eval") {
				return redistest.CutBefore
			}
			return redistest.Pass
		},
	} {
		t.Run(name, func(t *testing.T) {
			s.Must("SET", "rate:refund:M", "2000")
			s.Must("CONFIG", "RESETSTAT")
			d := allowed(t, "redis://clearer:x@"+redistest.Cutting(t, s.Addr, cut))
			a, _ := d.call(t, "M", "refund", "")
			done, text := d.call(t, "M", "refund", a.Data.Confirm)
			if done.Data.Outcome != "not_known" || done.Data.Cleared || done.Verdict == "ok" || done.Because == "" && len(done.Findings) == 0 {
				t.Errorf("%s: %+v\n%s", done.Verdict, done.Data, text)
			}
			if calls := s.Stat("cmdstat_eval"); strings.Contains(calls, "calls=") && !strings.HasPrefix(calls, "calls=1,") {
				t.Errorf("the order was given more than once: %s", calls)
			}
			if got := d.outcomes(t); !slices.Equal(got, []string{"shown", "deleting", "not_known"}) {
				t.Errorf("the log says %v", got)
			}
		})
	}
}
