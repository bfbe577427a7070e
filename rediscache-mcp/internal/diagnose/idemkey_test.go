package diagnose

import (
	"slices"
	"strings"
	"testing"
	"time"

	"payops-mcp/rediscache-mcp/internal/limiter"
	"payops-mcp/rediscache-mcp/internal/redisdb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
)

const sound = `{"paymentId":4711,"status":"CAPTURE_REQUESTED","amount":12000,"currency":"KRW","createdAt":"2025-11-20T14:00:00Z","ledgerEntries":[],"message":"authorized"}`

func TestReadAnswer(t *testing.T) {
	long := strings.TrimSuffix(sound, `authorized"}`) + strings.Repeat("x", 100)
	for name, c := range map[string]struct {
		body     string
		cut      bool
		payment  int64 // 0: not read
		unread   bool
		problems string // joined; a part is enough, empty is none
	}{
		"sound":                     {sound, false, 4711, false, ""},
		"more members than we know": {strings.Replace(sound, "{", `{"new":{"a":[1,{"b":2}]},`, 1), false, 4711, false, ""},
		"empty":                     {"", false, 0, false, "the body is empty"},
		"a word":                    {"garbage", false, 0, false, "no JSON"},
		"a list":                    {"[1]", false, 0, false, "no object"},
		"null":                      {"null", false, 0, false, "no object"},
		"cut short by its writer":   {sound[:len(sound)-9], false, 0, false, "cut short"},
		"two answers":               {sound + sound, false, 0, false, "something follows"},
		"wrong in the middle":       {`{"paymentId":1,,}`, false, 0, false, "from some point on"},
		"no payment":                {strings.Replace(sound, "4711", "null", 1), false, 0, false, "paymentId is missing"},
		"payment in words":          {strings.Replace(sound, "4711", `"4711"`, 1), false, 0, false, "paymentId is no whole number"},
		"payment 0":                 {strings.Replace(sound, "4711", "0", 1), false, 0, false, "paymentId is 0"},
		"a fraction of a won":       {strings.Replace(sound, "12000", "12000.5", 1), false, 4711, false, "amount is no whole number"},
		"a number too large":        {strings.Replace(sound, "4711", "99999999999999999999", 1), false, 0, false, "no whole number"},
		"a state there is not":      {strings.Replace(sound, "CAPTURE_REQUESTED", "DELETE ALL", 1), false, 4711, false, "status is none"},
		"a currency there is not":   {strings.Replace(sound, "KRW", "won", 1), false, 4711, false, "no code"},
		"status is a number":        {strings.Replace(sound, `"CAPTURE_REQUESTED"`, "7", 1), false, 4711, false, "status is no text"},
		"the head of a long one":    {long, true, 4711, true, ""},
		"cut inside a number":       {`{"status":"CAPTURED","paymentId":47`, true, 0, true, ""},
		"cut behind a name":         {`{"paymentId":4711,"status"`, true, 4711, true, ""},
		"the head of garbage":       {strings.Repeat("z", 100), true, 0, false, "no JSON"},
		"very deep":                 {`{"a":` + strings.Repeat("[", 16000), true, 0, false, "from some point on"},
	} {
		t.Run(name, func(t *testing.T) {
			a := ReadAnswer(c.body, c.cut)
			got := strings.Join(a.Problems, ", ")
			if a.Unread != c.unread || (got == "") != (c.problems == "") || !strings.Contains(got, c.problems) {
				t.Errorf("unread %v, problems %q; want %v, %q", a.Unread, got, c.unread, c.problems)
			}
			if id := a.PaymentID; (id != nil && *id > 0) != (c.payment != 0) || id != nil && *id > 0 && *id != c.payment {
				t.Errorf("payment %v, want %d", id, c.payment)
			}
		})
	}
}

func TestCachedKey(t *testing.T) {
	key := func(body string, ttl time.Duration) IdemKey {
		s := redisdb.Sight{Exists: true, TTL: ttl, NoTTL: ttl == 0}
		assign(&s.Value, body)
		return IdemKey{Merchant: `"M"`, Lifetime: limiter.Lifetime{TTL: 10 * time.Minute, Set: true}, Source: "redis h:1", Head: redisdb.Counter{Key: "idem:authorize:M:k", First: s}}
	}
	with := func(k IdemKey, change func(*IdemKey)) IdemKey { change(&k); return k }
	failure := &fault.Failure{Class: fault.Permission, Said: "NOPERM"}
	for name, c := range map[string]struct {
		key  IdemKey
		want []catalog.Code
		low  bool
		ran  int
		says []string
	}{
		"sound":          {key(sound, time.Minute), nil, false, 2, nil},
		"not there":      {with(key("", time.Minute), func(k *IdemKey) { k.Head.First = redisdb.Sight{} }), nil, false, 2, nil},
		"not readable":   {with(key(sound, time.Minute), func(k *IdemKey) { k.Head.Err = failure }), nil, false, 0, nil},
		"only its head":  {with(key(sound[:40], time.Minute), func(k *IdemKey) { k.Head.First.Cut = true }), nil, false, 1, nil},
		"TTL not known":  {with(key(sound, time.Minute), func(k *IdemKey) { k.Head.TTLErr = failure }), nil, false, 1, nil},
		"without a TTL":  {key(sound, 0), []catalog.Code{catalog.IdemKeyNoTTL}, false, 2, []string{"TTL -1 (none)", "ingest sets one of 600 s (10 min) (set)"}},
		"ingest sets 0":  {with(key(sound, 0), func(k *IdemKey) { k.Lifetime.TTL = 0 }), []catalog.Code{catalog.IdemKeyNoTTL}, false, 2, []string{"is 0 or less"}},
		"corrupt":        {key("garbage", time.Minute), []catalog.Code{catalog.IdemResponseCorrupt}, false, 2, []string{`"garbage"`, `DEL "idem:authorize:M:k"`, "no JSON"}},
		"another type":   {with(key("", time.Minute), func(k *IdemKey) { k.Head.First.WrongType = true; assign(&k.Head.Type, "list") }), []catalog.Code{catalog.IdemResponseCorrupt}, false, 2, []string{"the key holds a list"}},
		"empty, once":    {key("", time.Minute), []catalog.Code{catalog.IdemResponseCorrupt}, true, 2, nil},
		"empty for good": {with(key("", time.Minute), func(k *IdemKey) { k.Head.Second = &k.Head.First }), []catalog.Code{catalog.IdemResponseCorrupt}, false, 2, nil},
		"both":           {key("garbage", 0), []catalog.Code{catalog.IdemKeyNoTTL, catalog.IdemResponseCorrupt}, false, 2, nil},
	} {
		t.Run(name, func(t *testing.T) {
			findings, ran := CachedKey(c.key)
			if got := codes(findings); !slices.Equal(got, c.want) || len(ran) != c.ran {
				t.Fatalf("found %v, ran %v; want %v", got, ran, c.want)
			}
			for _, f := range findings {
				if low := f.Severity == catalog.Low; low != c.low {
					t.Errorf("%s is %s", f.Code, f.Severity)
				}
			}
			for _, want := range c.says {
				if text := words(findings[0]); !strings.Contains(text, want) {
					t.Errorf("%s\ndoes not say %q", text, want)
				}
			}
		})
	}
}
