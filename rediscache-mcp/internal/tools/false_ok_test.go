package tools_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"payops-mcp/rediscache-mcp/internal/redistest"
)

// Questions whose plain answer would be a false ok.

// A name with a slip in it, or twice, in a list of names.
func TestFindByNameDoubtsTheNames(t *testing.T) {
	s := redistest.Start(t, account)
	d := deps(t, "redis://payro:ropass@"+s.Addr)
	s.Must("SET", "rate:authorize:MERCHANT-8", "24731")
	s.Must("SET", "rate:authorize:M", "50", "EX", "30")
	a, text := call[hittingData](t, d, find, `{"merchant_ids":["M","M"]}`)
	concludes(t, a, "ok")
	says(t, text, "0 of 1 counters at 80% or more", "1 counters, by exact name")
	a, text = call[hittingData](t, d, find, `{"merchant_ids":["M","merchant-8"]}`)
	concludes(t, a, "unknown")
	says(t, text, `no counter for "merchant-8"`, `"MERCHANT-8": was that merchant meant?`)
	a, text = call[hittingData](t, d, find, `{"merchant_ids":["M","A","B","C","D"]}`)
	concludes(t, a, "ok")
	says(t, text, `no counter for "A", "B", "C" and 1 more: no request in the current window, or no such merchant`)
	d.Scope = []string{"merchant-8"}
	if a, text = call[hittingData](t, d, find, `{}`); a.Verdict != "ok" || strings.Contains(text, "MERCHANT-8") {
		t.Errorf("a merchant outside of the scope shows: %s", text)
	}
}

// A pattern that fits nothing, and a template that is not ingest's: everything looks
// quiet then.
func TestNothingFoundIsNotHealthy(t *testing.T) {
	s := redistest.Start(t, account)
	d := deps(t, "redis://payro:ropass@"+s.Addr)
	s.Must("SET", "rate:authorize:M", "24731")
	s.Must("SET", "idem:authorize:M:k", body, "EX", "600")
	for _, pattern := range []string{"rate:authorise:*", "idem:*"} {
		a, text := call[listData](t, d, "list_rate_limit_keys", map[string]any{"pattern": pattern})
		concludes(t, a, "unknown")
		says(t, text, "the pattern fits none of what is looked for here")
	}
	a, text := call[ttlData](t, d, "ttl_analysis", `{"pattern":"rate:authorise:*"}`)
	concludes(t, a, "unknown")
	says(t, text, "is it right?")

	if err := d.RateKey.UnmarshalText([]byte("limits:{action}:{merchant_id}")); err != nil {
		t.Fatal(err)
	}
	h, text := call[hittingData](t, d, find, `{}`)
	concludes(t, h, "unknown")
	says(t, text, `no counter, but keys like "rate:authorize:M" that count`, "is RATE_LIMIT_KEY_TEMPLATE (limits:{action}:{merchant_id}) what ingest has?")
	r, text := ask(t, d, `{"merchant_id":"M"}`)
	found(t, r, "unknown")
	says(t, text, "NOT KNOWN - ", `no counter, but keys like "rate:authorize:M" that count`)

	s.Must("FLUSHALL") // where there is nothing, nothing is wrong
	h, _ = call[hittingData](t, d, find, `{}`)
	concludes(t, h, "ok")
	r, _ = ask(t, d, `{"merchant_id":"M"}`)
	found(t, r, "ok")
	// Nor on a Redis of many keys, of which only some are looked at.
	fillOthers(t, s, 20000)
	r, _ = ask(t, d, `{"merchant_id":"M"}`)
	found(t, r, "ok")
}

// A template that is not ingest's, on a Redis that has too many cached answers to go
// through for a question about one merchant.
func TestAWrongTemplateAmidManyAnswers(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, account)
	d := deps(t, "redis://payro:ropass@"+s.Addr)
	fillAnswers(t, s, 30000)
	for i := range 300 {
		s.Must("SET", fmt.Sprint("limits:authorize:M-", i), "5", "EX", "60")
	}
	doubts := []string{`no counter, but keys like "limits:authorize:M-`, "that count: is RATE_LIMIT_KEY_TEMPLATE (rate:{action}:{merchant_id}) what ingest has?"}
	r, text := ask(t, d, `{"merchant_id":"M-1"}`)
	found(t, r, "unknown")
	says(t, text, append(doubts, "NOT KNOWN - ")...)
	ofKeys := func(code string) bool { return strings.HasPrefix(code, "RATE_KEY_") }
	for _, args := range []string{`{}`, `{"merchant_ids":["M-1","M-2"]}`} {
		h, text := call[hittingData](t, d, find, args)
		concludes(t, h, "unknown")
		if says(t, text, append(doubts, "0 of 0 counters")...); slices.ContainsFunc(h.RuledOut, ofKeys) {
			t.Errorf("ruled out %v", h.RuledOut)
		}
	}
	d.Scope = []string{"M-1"} // others are not named to who may not know of them
	r, text = ask(t, d, `{"merchant_id":"M-1"}`)
	found(t, r, "unknown")
	h, more := call[hittingData](t, d, find, `{}`)
	concludes(t, h, "unknown")
	l, most := call[listData](t, d, "list_rate_limit_keys", `{}`)
	concludes(t, l, "unknown")
	for _, text := range []string{text, more, most} {
		if says(t, text, "no counter, but other keys that count"); strings.Contains(text, "limits:authorize:") {
			t.Errorf("a merchant outside of the scope shows: %s", text)
		}
	}
}

// Another application's keys are named after an action and count, and of the few counters
// there are a glance may see none. Nothing is wrong.
func TestOthersCountAmidManyAnswers(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, account)
	d := deps(t, "redis://payro:ropass@"+s.Addr)
	fillAnswers(t, s, 10000)
	s.Must("EVAL", "for i=1,1000 do redis.call('SET','lock:refund:'..i,i,'EX',600) end return 1", 0)
	s.Must("SET", "rate:refund:OTHER", "5", "EX", "60")
	r, _ := ask(t, d, `{"merchant_id":"M"}`)
	found(t, r, "ok")
	for _, args := range []string{`{}`, `{"merchant_ids":["M"]}`} {
		h, _ := call[hittingData](t, d, find, args)
		concludes(t, h, "ok")
	}
	// Nor in a quiet minute of a Redis that others share and that is large.
	s.Must("FLUSHALL")
	fillAnswers(t, s, 30000)
	fillOthers(t, s, 20000)
	r, _ = ask(t, d, `{"merchant_id":"M"}`)
	found(t, r, "ok")
	for _, args := range []string{`{}`, `{"merchant_ids":["M"]}`} {
		h, _ := call[hittingData](t, d, find, args)
		concludes(t, h, "ok")
	}
}

func fillAnswers(t *testing.T, s *redistest.Server, n int) {
	t.Helper()
	s.Must("EVAL", "for i=1,tonumber(ARGV[1]) do redis.call('SET','idem:authorize:M:order-'..i,ARGV[2],'EX',600) end return 1", 0, n, body)
}

// A quiet minute: counters have ended, cached answers live on. That is healthy, and no
// question asked of it is left open.
func TestAQuietMinuteIsHealthy(t *testing.T) {
	s := redistest.Start(t, account)
	d := deps(t, "redis://payro:ropass@"+s.Addr)
	for i := range 30 {
		s.Must("SET", fmt.Sprint("idem:authorize:M:order-", i), body, "EX", "600")
	}
	s.Must("SET", "jobs:refund:last", "done") // of another application
	r, _ := ask(t, d, `{"merchant_id":"M"}`)
	found(t, r, "ok")
	h, _ := call[hittingData](t, d, find, `{}`)
	concludes(t, h, "ok")
	l, _ := call[listData](t, d, "list_rate_limit_keys", `{"pattern":"rate:refund:*"}`)
	concludes(t, l, "ok")
	for _, args := range []string{`{}`, `{"pattern":"rate:refund:*"}`} {
		a, _ := call[ttlData](t, d, "ttl_analysis", args)
		concludes(t, a, "ok")
	}
	a, _ := call[statsData](t, d, stats, `{}`)
	concludes(t, a, "ok")

	// But not where nothing of the payment system's is there at all.
	s.Must("FLUSHALL")
	fillOthers(t, s, 50)
	r, text := ask(t, d, `{"merchant_id":"M"}`)
	found(t, r, "unknown")
	says(t, text, "none of 50 keys in Redis is a counter or a cached answer", "or REDIS_URL is not its Redis")
}

func fillOthers(t *testing.T, s *redistest.Server, n int) {
	t.Helper()
	s.Must("EVAL", "for i=1,tonumber(ARGV[1]) do redis.call('SET','x:'..i,i) end return 1", 0, n)
}

// A counter that somebody set so low that the merchant is not limited for long.
func TestACounterFarBelowZero(t *testing.T) {
	s := redistest.Start(t, account)
	d := deps(t, "redis://payro:ropass@"+s.Addr)
	s.Must("SET", "rate:authorize:M", "-4000000000000000", "EX", "30")
	s.Must("SET", "rate:capture:M", "-5", "EX", "30")
	a, text := ask(t, d, `{"merchant_id":"M"}`)
	found(t, a, "attention", "RATE_KEY_CORRUPT")
	says(t, text, "NOT LIMITED (corrupt counter) - authorize not limited", "far below zero", "ingest never counts below zero, so something else wrote it")
	h, _ := call[hittingData](t, d, find, `{}`)
	concludes(t, h, "attention", "RATE_KEY_CORRUPT")
	if h.Data.Corrupt != 1 || slices.Contains(h.RuledOut, "RATE_KEY_CORRUPT") {
		t.Errorf("%+v", h.Data)
	}
}

// Redis counts on while it is looked at: a counter that is cleared and counted anew in
// the middle is none that has lost its TTL.
func TestACounterBegunAnewWhileItIsScanned(t *testing.T) {
	s := redistest.Start(t, account)
	d := deps(t, "redis://payro:ropass@"+s.Addr)
	plant(t, s, 2000)
	s.Must("SET", "rate:refund:M", "310")
	first := true
	d.Redis = opened(t, parse(t, "redis://payro:ropass@"+redistest.Cutting(t, s.Addr, func(request []byte) redistest.Fate {
		// What follows the scan is the closer look, of which INFO is a part.
		if strings.Contains(string(request), "info") && strings.Contains(string(request), "rate:refund:M") && first {
			first = false
			s.Must("SET", "rate:refund:M", "1", "EX", "60")
		}
		return redistest.Pass
	})))
	a, text := call[hittingData](t, d, find, `{}`)
	concludes(t, a, "ok")
	if first {
		t.Errorf("the counter was not touched: %s", text)
	}
}

// An empty database beside one that is not, and one node of a cluster in place of all:
// both look like a Redis in which nothing is wrong.
func TestAPartIsNotAll(t *testing.T) {
	s := redistest.Start(t, account+" +select", "user noscan on >x ~* -@all +@read -scan +info")
	s.Must("SET", "rate:authorize:M", "24731")
	other := deps(t, "redis://payro:ropass@"+s.Addr+"/3")
	r, text := ask(t, other, `{"merchant_id":"M"}`)
	found(t, r, "unknown")
	says(t, text, "this database of Redis is empty, and others of it hold 1 keys: is the number at the end of REDIS_URL right?")
	h, _ := call[hittingData](t, other, find, `{}`)
	concludes(t, h, "unknown")
	const lookup = `{"merchant_id":"M","idempotency_key":"k"}`
	for name, args := range map[string]string{"cache_stats": `{}`, "idempotency_lookup": lookup, "ttl_analysis": `{}`} {
		a, text := call[json.RawMessage](t, other, name, args)
		concludes(t, a, "unknown")
		says(t, text, "is the number at the end of REDIS_URL right?")
	}
	// Beside others it may well hold nothing but what a merchant has.
	s.Must("SELECT", "3")
	s.Must("SET", "rate:authorize:N", "1", "EX", "60")
	for name, args := range map[string]string{"cache_stats": `{}`, "idempotency_lookup": lookup} {
		a, _ := call[json.RawMessage](t, other, name, args)
		concludes(t, a, "ok")
	}
	r, text = ask(t, deps(t, "redis://noscan:x@"+s.Addr), `{"merchant_id":"N"}`)
	found(t, r, "unknown")
	says(t, text, "whether Redis has any could not be looked at", "NOPERM")

	nodes := redistest.Cluster(t, 2, account+" +cluster|nodes")
	for i, n := range nodes {
		if !strings.HasPrefix(n.Do("SET", "rate:authorize:M", "24731"), "MOVED") {
			nodes[0], nodes[1] = n, nodes[1-i] // the other one has nothing
		}
	}
	part := deps(t, "redis://payro:ropass@"+nodes[1].Addr)
	h, text = call[hittingData](t, part, find, `{}`)
	concludes(t, h, "unknown", "SRC_REDIS_CLUSTER_MODE")
	says(t, text, "cluster_enabled:1; this node has 8192 of 16384 slots", "List the nodes of the cluster in REDIS_URL")
	a, _ := call[statsData](t, part, stats, `{}`)
	concludes(t, a, "unknown", "SRC_REDIS_CLUSTER_MODE")

	alone := redistest.Cluster(t, 1, account, "user may on >x ~* -@all +@read +info +slowlog|get +config|get +cluster|nodes")[0]
	alone.Must("SET", "rate:authorize:M", "50", "EX", "60")
	h, _ = call[hittingData](t, deps(t, "redis://may:x@"+alone.Addr), find, `{}`)
	concludes(t, h, "ok")
	h, text = call[hittingData](t, deps(t, "redis://payro:ropass@"+alone.Addr), find, `{}`)
	concludes(t, h, "unknown", "SRC_REDIS_CLUSTER_MODE")
	says(t, text, "NOPERM", "a cluster of one node can be named alone, where the account has +cluster|nodes")
}

// What a pattern or a wrong template hides was not looked at, and is not ruled out.
func TestHiddenKeysAreNotRuledOut(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, account)
	d := deps(t, "redis://payro:ropass@"+s.Addr)
	s.Must("SET", "rate:authorize:EVER", "24731")
	s.Must("SET", "rate:refund:M", "5", "EX", "30")
	s.Must("SET", "idem:authorize:M:k", body)
	ofKeys := func(codes []string) bool {
		return slices.ContainsFunc(codes, func(c string) bool { return c != "RATE_LIMITER_FAIL_OPEN" })
	}
	l, text := call[listData](t, d, "list_rate_limit_keys", `{"pattern":"rate:refund:*"}`)
	concludes(t, l, "ok")
	says(t, text, "only those that match the pattern")
	a, text := call[ttlData](t, d, "ttl_analysis", `{"pattern":"rate:refund:*"}`)
	concludes(t, a, "ok")
	says(t, text, "only those that match the pattern")
	if ofKeys(l.RuledOut) || ofKeys(a.RuledOut) {
		t.Errorf("ruled out %v and %v", l.RuledOut, a.RuledOut)
	}
	l, _ = call[listData](t, d, "list_rate_limit_keys", `{"min_percentage":99}`)
	if !slices.Contains(l.RuledOut, "RATE_KEY_CORRUPT") {
		t.Errorf("all was seen, and ruled out is %v", l.RuledOut)
	}

	if err := d.RateKey.UnmarshalText([]byte("limits:{action}:{merchant_id}")); err != nil {
		t.Fatal(err)
	}
	h, _ := call[hittingData](t, d, find, `{}`)
	if concludes(t, h, "unknown"); ofKeys(h.RuledOut) {
		t.Errorf("with a template that is doubted %v are ruled out", h.RuledOut)
	}
}

// Where no counter is listed, none is looked at again: that their TTLs may not be read is
// known from the scan.
func TestTTLsThatMayNotBeReadRuleNothingOut(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, "user nottl on >x ~* -@all +@read -pttl +info")
	s.Must("SET", "rate:authorize:LATENT", "310")
	d := deps(t, "redis://nottl:x@"+s.Addr)
	h, text := call[hittingData](t, d, find, `{}`)
	concludes(t, h, "unknown", "SRC_REDIS_PERMISSION")
	says(t, text, "0 of 1 counters")
	l, _ := call[listData](t, d, "list_rate_limit_keys", `{"min_percentage":50}`)
	concludes(t, l, "unknown", "SRC_REDIS_PERMISSION")
	for _, ruledOut := range [][]string{h.RuledOut, l.RuledOut} {
		if slices.Contains(ruledOut, "RATE_KEY_NO_TTL_LATENT") || slices.Contains(ruledOut, "RATE_KEY_NO_TTL_BLOCKING") {
			t.Errorf("ruled out %v", ruledOut)
		}
	}
}

// By name a counter is read in a first look, and only what is found there is looked at
// again: what that could not read is told all the same.
func TestWhatCouldNotBeReadByNameIsTold(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, account, "user some on >x ~rate:capture:* -@all +@read +info", "user nottl on >x ~* -@all +@read -pttl +info")
	s.Must("SET", "rate:authorize:M", "24100", "EX", "60")
	s.Must("SET", "rate:capture:M", "10", "EX", "60")
	s.Must("SET", "rate:capture:LATENT", "310")
	for name, c := range map[string]struct{ user, merchant string }{
		"some keys": {"some", "M"},
		"no PTTL":   {"nottl", "LATENT"},
	} {
		for _, scoped := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, scoped %v", name, scoped), func(t *testing.T) {
				d, args := deps(t, "redis://"+c.user+":x@"+s.Addr), `{"merchant_ids":["`+c.merchant+`"]}`
				if scoped {
					d.Scope, args = []string{c.merchant}, `{}`
				}
				a, text := call[hittingData](t, d, find, args)
				concludes(t, a, "unknown", "SRC_REDIS_PERMISSION")
				says(t, text, "0 of 1 counters at 80% or more", "NOPERM", `counters, or their TTLs, of "`+c.merchant+`"`)
				if len(a.Sources) != 1 || a.Sources[0].OK || slices.ContainsFunc(a.RuledOut, func(code string) bool { return code != "RATE_LIMITER_FAIL_OPEN" }) {
					t.Errorf("sources %+v, ruled out %v", a.Sources, a.RuledOut)
				}
			})
		}
	}
	d := deps(t, "redis://nottl:x@"+s.Addr)
	d.Scope = []string{"LATENT"}
	l, text := call[listData](t, d, "list_rate_limit_keys", `{"min_percentage":50}`)
	concludes(t, l, "unknown", "SRC_REDIS_PERMISSION")
	says(t, text, "0 counters at 50%")
	h, _ := call[hittingData](t, deps(t, "redis://payro:ropass@"+s.Addr), find, `{"merchant_ids":["LATENT"]}`)
	concludes(t, h, "attention", "RATE_KEY_NO_TTL_LATENT")
}
