package tools_test

import (
	"fmt"
	"regexp"
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

type counterRow struct {
	MerchantID  string `json:"merchant_id"`
	Action      string
	State       string
	Count       *int64
	UsedPercent *float64 `json:"used_percent"`
	ResetsInS   *int64   `json:"resets_in_s"`
}

type hittingData struct {
	AtOrOver int64                             `json:"at_or_over_threshold"`
	InAll    *struct{ About, Low, High int64 } `json:"estimated_in_all"`
	Over     int64                             `json:"over_limit"`
	NoTTL    int64                             `json:"without_ttl"`
	Corrupt  int64
	Counters int64
	Worst    []counterRow `json:"worst_first"`
	Notes    []string
}

type listData struct {
	Matching int64
	Counters []counterRow
}

const find = "find_merchants_hitting_limits"

// plant writes n counters of healthy merchants, far below the limit.
func plant(t *testing.T, s *redistest.Server, n int) {
	t.Helper()
	pipe := s.Admin.Pipeline()
	for i := range n {
		pipe.Set(t.Context(), fmt.Sprintf("rate:authorize:SHOP-%d", i), i%10000, time.Hour/60)
		pipe.Set(t.Context(), fmt.Sprintf("idem:authorize:SHOP-%d:k", i), body, 10*time.Minute)
		if pipe.Len() >= 2000 || i == n-1 {
			if _, err := pipe.Exec(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestFindMerchants(t *testing.T) {
	s := redistest.Start(t, account)
	d := deps(t, "redis://payro:ropass@"+s.Addr)
	plant(t, s, 3000)
	a, text := call[hittingData](t, d, find, `{}`)
	concludes(t, a, "ok")
	says(t, text, "0 of 3000 counters at 80% or more\n", "100% of 6000 keys, by SCAN")
	if !slices.Contains(a.RuledOut, "RATE_KEY_NO_TTL_BLOCKING") || a.Coverage.Truncated || len(a.Data.Worst) != 0 {
		t.Errorf("%+v", a)
	}

	for i := range 30 {
		s.Must("SET", fmt.Sprintf("rate:authorize:NEAR-%d", i), 20000+i, "EX", "40")
	}
	s.Must("SET", "rate:refund:OVER", "1200", "EX", "41")
	s.Must("SET", "rate:authorize:EVER", "24731")
	s.Must("SET", "rate:capture:LATENT", "310")
	s.Must("SET", "rate:capture:WORD", "abc", "EX", "50")
	s.Must("SET", "rate:capture:HUGE", strings.Repeat("7", 10<<20), "EX", "50")
	s.Must("RPUSH", "rate:refund:LIST", "x")
	s.Must("SET", "rate:capture:LONG", "5", "EX", "3600")
	s.Must("CONFIG", "RESETSTAT")
	a, text = call[hittingData](t, d, find, `{}`)
	t.Log(text)
	concludes(t, a, "critical", "RATE_KEY_NO_TTL_BLOCKING", "RATE_KEY_CORRUPT", "RATE_KEY_NO_TTL_LATENT", "RATE_WINDOW_MISMATCH", "RATE_LIMITED", "RATE_NEAR_LIMIT")
	says(t, text, "32 of 3037 counters at 80% or more; 2 over the limit; 2 never reset (no TTL); 3 corrupt\n", `merchant "EVER", authorize: 24731 of 24000`,
		"3 counters hold no number", `DEL "rate:authorize:EVER"`, "30 counters are near their limit")
	if w := a.Data.Worst; len(w) != 5 || w[0].MerchantID != "OVER" || w[1].MerchantID != "EVER" || w[1].State != "blocked_for_ever" || w[2].MerchantID != "NEAR-29" || *w[2].Count != 20029 {
		t.Errorf("%+v", w)
	}
	if a.Data.Corrupt != 3 || a.Data.NoTTL != 2 || a.Data.Over != 2 || a.Data.Counters != 3037 {
		t.Errorf("%+v", a.Data)
	}
	if sent := s.Number("total_net_output_bytes"); sent > 1_000_000 {
		t.Errorf("%d bytes came over the wire", sent)
	}

	a, text = call[hittingData](t, d, find, `{"action":"refund","threshold_percentage":121}`)
	says(t, text, "0 of 2 counters at 121% or more; 1 over the limit; 1 corrupt")
	concludes(t, a, "attention", "RATE_KEY_CORRUPT", "RATE_LIMITED") // a high threshold must not hide who is blocked
}

// Pages of a list that is whole: each counter once, the worst first.
func TestPagesOfAList(t *testing.T) {
	s := redistest.Start(t, account)
	d := deps(t, "redis://payro:ropass@"+s.Addr)
	for i := range 50 {
		s.Must("SET", fmt.Sprintf("rate:capture:M-%d", i), 100+i/2, "EX", 30+i)
	}
	s.Must("SET", "rate:login:M", "5", "EX", "60")
	s.Must("SET", "rate:capturex", "5", "EX", "60")
	for _, sort := range []string{"percent", "ttl"} {
		var got []counterRow
		cursor := ""
		for range 20 {
			a, _ := call[listData](t, d, "list_rate_limit_keys", fmt.Sprintf(`{"sort":%q,"limit":7%s}`, sort, cursor))
			got = append(got, a.Data.Counters...)
			if a.Data.Matching != 50 {
				t.Errorf("%d match", a.Data.Matching)
			}
			if a.Coverage.Cursor == "" {
				break
			}
			cursor = fmt.Sprintf(`,"cursor":%q`, a.Coverage.Cursor)
		}
		names := map[string]bool{}
		for _, r := range got {
			names[r.MerchantID] = true
		}
		sorted := slices.IsSortedFunc(got, func(a, b counterRow) int {
			if sort == "ttl" {
				return int(*b.ResetsInS - *a.ResetsInS)
			}
			return int(*b.Count - *a.Count)
		})
		// Where a counter ends is known to some milliseconds, so that one may be
		// on both pages or on none.
		if slack := len(sort) % 2; len(got) < 50-slack || len(got) > 50+slack || len(names) < 50-slack || !sorted {
			t.Errorf("by %s: %d rows of %d merchants, sorted %v", sort, len(got), len(names), sorted)
		}
	}
	a, text := call[listData](t, d, "list_rate_limit_keys", `{"pattern":"rate:capture:M-1?","min_percentage":0.4}`)
	concludes(t, a, "ok")
	says(t, text, "10 counters at 0.4% of their limit or more match the pattern; 10 shown, by percent")
	if a, _ := call[listData](t, d, "list_rate_limit_keys", `{}`); !strings.Contains(a.Because, "1 keys fit the template but none of the actions") {
		t.Errorf("%s (%s)", a.Verdict, a.Because)
	}
	for args, want := range map[string]string{
		`{"cursor":"x"}`: "cursor is not one of this tool's", fmt.Sprintf(`{"sort":"ttl","cursor":%q}`, "AQAAAAAA"): "belongs to other arguments",
		`{"sort":"name"}`: "one of percent, ttl", `{"limit":201}`: "1 to 200",
	} {
		if r := tooltest.New(t, tools.All(d)...).Call(t, "list_rate_limit_keys", args); !r.IsError || !strings.Contains(r.Text, want) {
			t.Errorf("%s: %s", args, r.Text)
		}
	}
}

// A budget that runs out leaves a share, an estimate and a way on.
func TestFindInParts(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, account)
	plant(t, s, 20000)
	for i := range 400 {
		s.Must("SET", fmt.Sprintf("rate:authorize:NEAR-%d", i), 20000+i, "EX", "600")
	}
	d := deps(t, "redis://payro:ropass@"+redistest.Slow(t, s.Addr, 25*time.Millisecond))
	for a := range d.Limits {
		l := d.Limits[a]
		l.Window = 10 * time.Minute
		d.Limits[a] = l
	}
	names := map[string]bool{}
	cursor, seen := "", int64(0)
	for part := 0; ; part++ {
		start := time.Now()
		a, text := call[hittingData](t, d, find, fmt.Sprintf(`{"limit":200,"time_budget_s":1%s}`, cursor))
		if took := time.Since(start); took > 4*time.Second {
			t.Errorf("took %s of 1 s", took)
		}
		for _, r := range a.Data.Worst {
			if names[r.MerchantID] {
				t.Errorf("%s comes twice", r.MerchantID)
			}
			names[r.MerchantID] = true
		}
		if seen += a.Data.AtOrOver; part == 0 {
			e := a.Data.InAll
			// The truth lies beyond the interval once in 20 times, and as far beyond as
			// this less than once in 10^8.
			if a.Verdict == "ok" || !a.Coverage.Truncated || e == nil || abs(e.About-400) > (e.High-e.Low)*3/2 {
				t.Errorf("estimate %+v: %s", e, text)
			}
			says(t, text, "of the keys seen; about ", "only ", "% of 40400 keys, by SCAN in 1", "in all")
		}
		if a.Coverage.Cursor == "" {
			if part == 0 || !strings.Contains(text, "the rest of a scan") {
				t.Errorf("part %d: %s", part, text)
			}
			break
		}
		cursor = fmt.Sprintf(`,"cursor":%q`, a.Coverage.Cursor)
	}
	if len(names) != 400 || seen != 400 {
		t.Errorf("%d merchants, %d counted", len(names), seen)
	}
}

func abs(n int64) int64 { return max(n, -n) }

func TestFindByNameAndScope(t *testing.T) {
	s := redistest.Start(t, account, "user noscan on >x ~* -@all +@read -scan +info")
	s.Must("SET", "rate:authorize:A", "24731")
	s.Must("SET", "rate:authorize:B*", "23000", "EX", "30")
	s.Must("SET", "rate:authorize:C", "24100", "EX", "30")
	d := deps(t, "redis://noscan:x@"+s.Addr)
	a, text := call[hittingData](t, d, find, `{"merchant_ids":["A","B*","gone"]}`)
	concludes(t, a, "critical", "RATE_KEY_NO_TTL_BLOCKING", "RATE_NEAR_LIMIT")
	says(t, text, "2 of 2 counters at 80% or more", "2 counters, by exact name")
	if !regexp.MustCompile(`TTL -1 \(none\), the same (2[5-9]|[3-9]\d)\d ms later`).MatchString(text) {
		t.Errorf("it waits 250 ms between two looks: %s", text)
	}

	a, text = call[hittingData](t, d, find, `{}`)
	concludes(t, a, "unknown", "SRC_REDIS_PERMISSION")
	says(t, text, "NOT KNOWN - ", "looked=no key")

	d.Scope = []string{"B*", "C"}
	a, text = call[hittingData](t, d, find, `{}`)
	concludes(t, a, "attention", "RATE_LIMITED", "RATE_NEAR_LIMIT")
	says(t, text, "2 of 2 counters", "this server's scope: B*, C")
	if strings.Contains(text, `"A"`) {
		t.Errorf("a merchant outside of the scope shows: %s", text)
	}
	if r := tooltest.New(t, tools.All(d)...).Call(t, find, `{"merchant_ids":["C","A"]}`); !r.IsError || !strings.HasPrefix(r.Text, "refused: ") {
		t.Error(r.Text)
	}
	d.Redis = deps(t, "redis://payro:ropass@"+s.Addr).Redis
	l, text := call[listData](t, d, "list_rate_limit_keys", `{"pattern":"*"}`)
	if len(l.Data.Counters) != 2 || l.Data.Matching != 2 || strings.Contains(text, `"A"`) {
		t.Errorf("a pattern reaches out of the scope: %s", text)
	}
}

func TestFindSourceFailures(t *testing.T) {
	s := redistest.Start(t, account, "user nottl on >x ~* -@all +@read -pttl +info", "user noinfo on >x ~* -@all +@read", "user some on >x ~rate:capture:* -@all +@read +info")
	s.Must("SET", "rate:authorize:M", "24100", "EX", "60")
	s.Must("SET", "rate:capture:M", "10", "EX", "60")
	for name, c := range map[string]struct {
		url, verdict string
		codes        []string
		says         []string
		most         time.Duration
	}{
		"refused":    {"redis://u:hunter2@" + redistest.Refusing(t), "critical", []string{"REDIS_UNREACHABLE"}, []string{"NOT KNOWN - redis 127.0.0.1:"}, time.Second},
		"black hole": {"redis://u:hunter2@" + redistest.BlackHole(t), "attention", []string{"REDIS_SLOW", "REDIS_UNREACHABLE"}, []string{"NOT KNOWN - "}, 5 * time.Second},
		"auth":       {"redis://payro:hunter2@" + s.Addr, "unknown", []string{"SRC_REDIS_AUTH"}, []string{"NOT KNOWN - "}, time.Second},
		"no PTTL":    {"redis://nottl:x@" + s.Addr, "attention", []string{"RATE_LIMITED", "SRC_REDIS_PERMISSION"}, []string{"1 of 2 counters", "whether ever, is not known"}, 2 * time.Second},
		"no INFO":    {"redis://noinfo:x@" + s.Addr, "attention", []string{"RATE_LIMITED", "SRC_REDIS_PERMISSION"}, []string{"1 of 2 counters", "this machine's clock"}, 2 * time.Second},
		"some keys":  {"redis://some:x@" + s.Addr, "unknown", []string{"SRC_REDIS_PERMISSION"}, []string{"0 of 1 counters"}, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			a, text := call[hittingData](t, deps(t, c.url), find, `{}`)
			concludes(t, a, c.verdict, c.codes...)
			says(t, text, c.says...)
			if took := time.Since(start); took > c.most+2*time.Second {
				t.Errorf("took %s", took)
			}
			if name != "no INFO" && slices.Contains(a.RuledOut, "RATE_KEY_NO_TTL_BLOCKING") {
				t.Error("what was not seen is ruled out")
			}
		})
	}
}

func TestFindWithAssumedLimits(t *testing.T) {
	s := redistest.Start(t, account)
	s.Must("SET", "rate:authorize:M", "23000", "EX", "60")
	d := deps(t, "redis://payro:ropass@"+s.Addr)
	d.Limits = limits(false)
	a, text := call[hittingData](t, d, find, `{}`)
	concludes(t, a, "unknown", "RATE_NEAR_LIMIT")
	says(t, text, "the capacity is assumed: set APP_RATE_LIMIT_AUTHORIZE_CAPACITY", "authorize 24000 per 60 s (assumed)")
}

func TestFindStrangeMerchants(t *testing.T) {
	s := redistest.Start(t, account)
	d := deps(t, "redis://payro:ropass@"+s.Addr)
	ids := []string{"a:b:c", "with space", "가맹점", "{x}", "a*", "x\r\nFLUSHALL\r\n", `q"\'`, "\u202eright", "4111111111111111"}
	for _, id := range ids {
		s.Must("SET", "rate:capture:"+id, "24731", "EX", "60")
	}
	a, text := call[hittingData](t, d, find, `{"limit":20}`)
	if len(a.Data.Worst) != len(ids) || a.Data.Over != int64(len(ids)) {
		t.Errorf("%+v", a.Data)
	}
	if strings.ContainsAny(text, "\u202e\r") || strings.Contains(text, "\nFLUSHALL") || strings.Contains(text, "4111111111111111") {
		t.Errorf("not shown as data:\n%s", text)
	}
}

// Suspects that a scan comes by just before its end are not waited for where others
// have been without a TTL for long enough. Where these others turn out well, they are.
func TestSuspectsOfTheLastMoment(t *testing.T) {
	for name, c := range map[string]struct {
		well  bool // the old ones get a TTL between the scan and the closer look
		looks int  // 0: as many as it takes
	}{
		"others speak for them": {false, 1},
		"nobody does":           {true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := redistest.Start(t, account)
			plant(t, s, 2000)
			for i := range 40 {
				s.Must("SET", fmt.Sprint("rate:capture:NEVER-", i), 10+i)
			}
			var mu sync.Mutex
			var old []string
			looks, held, holding, begun := 0, false, false, false
			key := regexp.MustCompile(`rate:capture:NEVER-\d+`)
			proxy := redistest.Cutting(t, s.Addr, func(request []byte) redistest.Fate {
				mu.Lock()
				defer mu.Unlock()
				text := string(request)
				named := key.FindAllString(text, -1)
				switch {
				case strings.Contains(text, "info") && len(named) > 0:
					if looks++; !begun {
						begun = true
						slices.Sort(old)
						if old = slices.Compact(old); !c.well {
							old = nil
						}
						for _, k := range old {
							s.Must("EXPIRE", k, "50")
						}
					}
				case begun:
				case len(named) > 0 && (!held || holding): // the rest of a request that came in parts too
					old = append(old, named...)
				case strings.Contains(text, "scan") && len(old) > 0 && !held:
					held, holding = true, true
					mu.Unlock()
					<-time.After(2 * redisdb.RecheckAfter) // what was seen grows old
					mu.Lock()
					holding = false
				}
				return redistest.Pass
			})
			a, text := call[hittingData](t, deps(t, "redis://payro:ropass@"+proxy), find, `{"time_budget_s":20}`)
			mu.Lock()
			defer mu.Unlock()
			concludes(t, a, "attention", "RATE_KEY_NO_TTL_LATENT")
			says(t, text, fmt.Sprintf("%d counters have no TTL", 40-len(old)))
			if !held || c.looks > 0 && looks != c.looks || a.Data.NoTTL != 40 {
				t.Errorf("held %v, %d looks, %d old: %s", held, looks, len(old), text)
			}
		})
	}
}
