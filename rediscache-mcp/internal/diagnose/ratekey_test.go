package diagnose

import (
	"slices"
	"strings"
	"testing"
	"time"

	"payops-mcp/rediscache-mcp/internal/keyspace"
	"payops-mcp/rediscache-mcp/internal/limiter"
	"payops-mcp/rediscache-mcp/internal/redisdb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/report"
)

var set = limiter.Limit{Capacity: 24000, Window: time.Minute, CapacitySet: true, WindowSet: true}

// key is a counter that holds value, with a TTL; 0 is none, seen twice.
func key(value string, ttl time.Duration) RateKey {
	s := redisdb.Sight{Exists: true, TTL: ttl, NoTTL: ttl == 0}
	assign(&s.Value, value)
	k := RateKey{Merchant: `"MERCHANT-8"`, Action: keyspace.Authorize, Limit: set, Source: "redis h:1", Clock: time.Unix(1_800_000_000, 0).UTC(),
		Counter: redisdb.Counter{Key: "rate:authorize:MERCHANT-8", First: s}}
	if ttl == 0 {
		k.Counter.Second = &redisdb.Sight{Exists: true, Value: s.Value, NoTTL: true, After: 250 * time.Millisecond}
	}
	return k
}

// assign sets a field of text from outside.
func assign[T ~string](field *T, value string) { *field = T(value) }

func (k RateKey) with(change func(*RateKey)) RateKey {
	change(&k)
	return k
}

func assumedCapacity(k *RateKey) { k.Limit.CapacitySet = false }
func assumedWindow(k *RateKey)   { k.Limit.WindowSet = false }

func TestRateKeys(t *testing.T) {
	second := func(s redisdb.Sight) func(*RateKey) { return func(k *RateKey) { k.Counter.Second = &s } }
	failure := &fault.Failure{Class: fault.Permission, Said: "NOPERM"}
	for name, c := range map[string]struct {
		key   RateKey
		state State
		want  []catalog.Code // in the order of the rules
		low   bool           // all of them no more than low
		says  []string       // in the first claim, evidence, steps
	}{
		"RD-01 blocked for ever": {key("24731", 0), BlockedForEver, []catalog.Code{catalog.RateKeyNoTTLBlocking}, false,
			[]string{"24731 of 24000", "never resets", `"24731", TTL -1 (none), the same 250 ms later`, `DEL "rate:authorize:MERCHANT-8"`, `"Try again in 60 seconds" is false`}},
		"RD-02 latent": {key("310", 0), NeverResets, []catalog.Code{catalog.RateKeyNoTTLLatent}, false,
			[]string{"23690 left of 24000 (set)", "no request came in 250 ms"}},
		"latent and growing": {key("310", 0).with(second(redisdb.Sight{Exists: true, NoTTL: true, Value: "320", After: 250 * time.Millisecond})), NeverResets, []catalog.Code{catalog.RateKeyNoTTLLatent}, false,
			[]string{"10 requests came in 250 ms: at that pace used up in 592 s"}},
		"latent at the capacity": {key("24000", 0), NeverResets, []catalog.Code{catalog.RateKeyNoTTLLatent}, false, []string{"0 left of 24000"}},
		"RD-03 throttled":        {key("24100", 41*time.Second), Blocked, []catalog.Code{catalog.RateLimited}, false, []string{"24100 of 24000", "100.5%", "resets in 41 s"}},
		"RD-04 a word":           {key("abc", time.Hour), Corrupt, []catalog.Code{catalog.RateKeyCorrupt}, false, []string{`"abc"`, "INCR fails", "expires in 3600 s (60 min)"}},
		"RD-04 a list": {key("", 0).with(func(k *RateKey) {
			k.Counter.First, k.Counter.Second = redisdb.Sight{Exists: true, WrongType: true, NoTTL: true}, nil
			k.Counter.Type = "list"
		}), Corrupt, []catalog.Code{catalog.RateKeyCorrupt}, false, []string{"a list in place of a number", "no TTL"}},
		"a huge value": {key(strings.Repeat("7", 32), 0).with(func(k *RateKey) {
			n := int64(10 << 20)
			k.Counter.First.Cut, k.Counter.Second, k.Counter.Length = true, nil, &n
		}), Corrupt, []catalog.Code{catalog.RateKeyCorrupt}, false, []string{"10485760 bytes that begin with"}},
		"the largest number cannot grow":           {key("9223372036854775807", time.Minute), Corrupt, []catalog.Code{catalog.RateKeyCorrupt}, false, nil},
		"an empty value, seen twice":               {key("", time.Minute).with(second(redisdb.Sight{Exists: true, TTL: time.Minute})), Corrupt, []catalog.Code{catalog.RateKeyCorrupt}, false, nil},
		"an empty value, seen once":                {key("", time.Minute), Corrupt, []catalog.Code{catalog.RateKeyCorrupt}, true, nil},
		"RD-12 window mismatch":                    {key("24500", 3544*time.Second), Blocked, []catalog.Code{catalog.RateWindowMismatch}, false, []string{"resets in 3544 s (59 min)", "a window is 60 s (set)", "blocked for 3544 s"}},
		"window mismatch, not blocked":             {key("5", 3544*time.Second), Free, []catalog.Code{catalog.RateWindowMismatch}, false, nil},
		"window mismatch, near":                    {key("23000", 3544*time.Second), Free, []catalog.Code{catalog.RateWindowMismatch, catalog.RateNearLimit}, false, nil},
		"a second above is the clock of a replica": {key("5", 61*time.Second), Free, nil, false, nil},
		"NM-09 burst at 92%":                       {key("22100", 5*time.Second), Free, []catalog.Code{catalog.RateNearLimit}, true, []string{"92% used, 1900 requests left until it resets in 5 s"}},
		"at the limit":                             {key("24000", 5*time.Second), AtLimit, []catalog.Code{catalog.RateNearLimit}, true, []string{"100% used, the next request is refused"}},
		"80% is near":                              {key("19200", 5*time.Second), Free, []catalog.Code{catalog.RateNearLimit}, true, nil},
		"just under 80%":                           {key("19199", 5*time.Second), Free, nil, false, nil},
		"quiet":                                    {key("250", 45*time.Second), Free, nil, false, nil},
		"below zero":                               {key("-5", 45*time.Second), Free, nil, false, nil},
		"far below zero":                           {key("-9223372036854775808", 45*time.Second), Corrupt, []catalog.Code{catalog.RateKeyCorrupt}, false, nil},
		"no counter":                               {key("", 0).with(func(k *RateKey) { k.Counter.First, k.Counter.Second = redisdb.Sight{}, nil }), NoWindow, nil, false, nil},
		"NM-24 expired between two steps":          {key("310", 0).with(second(redisdb.Sight{})), NoWindow, nil, false, nil},
		"NM-26 the TTL came later":                 {key("1", 0).with(second(redisdb.Sight{Exists: true, Value: "2", TTL: time.Minute})), Free, nil, false, nil},
		"a counter begun anew between the looks":   {key("310", 0).with(second(redisdb.Sight{Exists: true, Value: "1", NoTTL: true})), NeverResets, []catalog.Code{catalog.RateKeyNoTTLLatent}, true, []string{"seen once only"}},
		"no TTL, the second look failed":           {key("24731", 0).with(func(k *RateKey) { k.Counter.Second = nil }), BlockedForEver, []catalog.Code{catalog.RateKeyNoTTLBlocking}, true, []string{"seen once only"}},
		"assumed capacity, throttled":              {key("24100", 41*time.Second).with(assumedCapacity), Blocked, []catalog.Code{catalog.RateLimited}, true, []string{"the capacity is assumed: set APP_RATE_LIMIT_AUTHORIZE_CAPACITY"}},
		"assumed window, longer TTL":               {key("5", time.Hour).with(assumedWindow), Free, []catalog.Code{catalog.RateWindowMismatch}, true, []string{"(assumed)"}},
		"not enforced while writes are refused":    {key("24100", 41*time.Second).with(func(k *RateKey) { k.FailingOpen = true }), Blocked, []catalog.Code{catalog.RateLimited}, true, []string{"not enforced"}},
		"the TTL could not be read":                {key("24100", 0).with(func(k *RateKey) { k.Counter.First.NoTTL, k.Counter.Second, k.Counter.TTLErr = false, nil, failure }), Blocked, []catalog.Code{catalog.RateLimited}, false, []string{"whether ever, is not known", "TTL not known"}},
		"could not be read":                        {key("24731", 0).with(func(k *RateKey) { k.Counter.Err = failure }), Unread, nil, false, nil},
		"ingest does not limit":                    {key("24731", 0).with(func(k *RateKey) { k.Limit.Capacity = 0 }), Off, nil, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.key.State(); got != c.state {
				t.Errorf("state %s, want %s", got, c.state)
			}
			findings, _ := RateKeys([]RateKey{c.key})
			if got := codes(findings); !slices.Equal(got, c.want) {
				t.Fatalf("found %v, want %v", got, c.want)
			}
			for _, f := range findings {
				if low := f.Severity.Rank() >= catalog.Low.Rank(); low != c.low && f.Code != catalog.RateNearLimit {
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

// Over an assumed capacity it is certain that the counter never resets, and not
// that it blocks already.
func TestAssumedCapacityWithoutTTL(t *testing.T) {
	findings, _ := RateKeys([]RateKey{key("24731", 0).with(assumedCapacity)})
	if got := codes(findings); !slices.Equal(got, []catalog.Code{catalog.RateKeyNoTTLBlocking, catalog.RateKeyNoTTLLatent}) {
		t.Fatalf("found %v", got)
	}
	if findings[0].Severity != catalog.Low || findings[1].Severity != catalog.Medium || !strings.Contains(findings[1].Claim, "over the assumed capacity of 24000") {
		t.Errorf("%+v", findings)
	}
}

func TestRulesThatRan(t *testing.T) {
	all := []catalog.Code{catalog.RateKeyNoTTLBlocking, catalog.RateKeyNoTTLLatent, catalog.RateKeyCorrupt, catalog.RateWindowMismatch, catalog.RateLimited, catalog.RateNearLimit}
	if _, ran := RateKeys([]RateKey{key("5", time.Minute)}); !slices.Equal(ran, all) {
		t.Errorf("ran %v", ran)
	}
	unread := key("5", time.Minute).with(func(k *RateKey) { k.Counter.Err = &fault.Failure{} })
	if _, ran := RateKeys([]RateKey{key("5", time.Minute), unread}); ran != nil {
		t.Errorf("one counter could not be read, but %v are ruled out", ran)
	}
	if _, ran := RateKeys([]RateKey{key("24500", time.Hour)}); slices.Contains(ran, catalog.RateLimited) {
		t.Error("a blocked merchant reads as not limited")
	}
}

func TestEvidenceHasTheServersTime(t *testing.T) {
	findings, _ := RateKeys([]RateKey{key("24731", 0)})
	if at := findings[0].Evidence[0].At; !at.Equal(time.Unix(1_800_000_000, 250e6)) {
		t.Errorf("the second look was at %s", at)
	}
}

func TestSeconds(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 ms", 250 * time.Millisecond: "250 ms", time.Second: "1 s", 44100 * time.Millisecond: "45 s", 599 * time.Second: "599 s",
		3544 * time.Second: "3544 s (59 min)", 11 * time.Hour: "39600 s (11 h)", 20 * 24 * time.Hour: "1728000 s (20 days)",
	} {
		if got := seconds(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

func codes(fs []report.Finding) []catalog.Code {
	var all []catalog.Code
	for _, f := range fs {
		all = append(all, f.Code)
	}
	return all
}

// words is all that a finding says.
func words(f report.Finding) string {
	all := []string{f.Claim, f.Blast, strings.Join(f.Next, "\n")}
	for _, e := range f.Evidence {
		all = append(all, e.Source+", "+e.Asked+": "+e.Value)
	}
	return strings.Join(all, "\n")
}
