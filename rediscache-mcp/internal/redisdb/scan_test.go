package redisdb_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"payops-mcp/rediscache-mcp/internal/redisdb"
	"payops-mcp/rediscache-mcp/internal/redistest"
	"payops-mcp/shared/fault"
)

// fill writes n keys by a pipeline: prefix0 to prefix(n-1).
func fill(t testing.TB, s *redistest.Server, prefix string, n int) {
	t.Helper()
	pipe := s.Admin.Pipeline()
	for i := range n {
		pipe.Set(t.Context(), fmt.Sprint(prefix, i), i, time.Hour)
		if pipe.Len() == 2000 || i == n-1 {
			if _, err := pipe.Exec(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestScanFindsEveryKeyOnce(t *testing.T) {
	s := redistest.Start(t, payro)
	fill(t, s, "rate:authorize:", 3000)
	fill(t, s, "other:", 17000)
	db := open(t, "redis://payro:ropass@"+s.Addr)
	found := map[string]int{}
	scan := db.Scan(t.Context(), redisdb.ScanSpec{Match: "rate:*", Values: true, Budget: 20 * time.Second}, func(f redisdb.Found) {
		found[f.Key]++
		if !f.Looked || f.Err != nil || f.TTLErr != nil || "rate:authorize:"+string(f.Sight.Value) != f.Key || f.Sight.TTL < time.Minute {
			t.Errorf("%+v", f)
		}
	})
	if !scan.Done() || scan.Share() != 1 || len(found) != 3000 || scan.Parts[0].Matched != 3000 || scan.Parts[0].Keys != 20000 || !scan.Parts[0].Source.OK() {
		t.Errorf("%d keys, share %v, %+v", len(found), scan.Share(), scan.Parts[0])
	}
	if steps := scan.Parts[0].Steps; steps < 20 || steps > 60 {
		t.Errorf("%d steps for 20000 keys", steps)
	}
	if got := s.Do("ACL", "LOG"); got != "[]" {
		t.Errorf("the least account was refused something: %s", got)
	}
	if strings.HasPrefix(s.Stat("cmdstat_keys"), "calls") || strings.HasPrefix(s.Stat("cmdstat_mget"), "calls") {
		t.Error("KEYS or MGET was asked")
	}
}

// A scan in pieces sees what one in whole sees, and its cursor tells how far it is.
func TestScanGoesOn(t *testing.T) {
	// Which bucket a key falls into is chance: of so many keys the part seen and
	// the part of the buckets walked differ by 0.01 less than once in 10^20 runs.
	const keys = 200_000
	s := redistest.Start(t)
	fill(t, s, "k", keys)
	db := open(t, "redis://"+s.Addr)
	found := map[string]bool{}
	var at []redisdb.Position
	whole := 0.0
	for range 1000 {
		scan := db.Scan(t.Context(), redisdb.ScanSpec{Match: "k*", From: at}, func(f redisdb.Found) { found[f.Key] = true })
		whole += scan.Share()
		if truth := float64(len(found)) / keys; math.Abs(truth-whole) > 0.01 {
			t.Fatalf("the cursor says %v, the truth is %v", whole, truth)
		}
		at = scan.Positions()
		if scan.Done() {
			break
		}
	}
	if len(found) != keys || math.Abs(whole-1) > 1e-9 {
		t.Errorf("%d keys, share %v", len(found), whole)
	}
	if again := db.Scan(t.Context(), redisdb.ScanSpec{From: at}, func(redisdb.Found) { t.Error("a key beyond the end") }); !again.Done() || again.Share() != 0 {
		t.Errorf("beyond the end: %+v", again)
	}
}

func TestScanKeepsItsBudget(t *testing.T) {
	s := redistest.Start(t)
	fill(t, s, "k", 200_000)
	db := open(t, "redis://"+s.Addr)
	const budget = 50 * time.Millisecond
	scan := db.Scan(t.Context(), redisdb.ScanSpec{Match: "k*", Values: true, Budget: budget}, func(redisdb.Found) {})
	if scan.Done() || scan.Took < budget || scan.Took > budget+2*time.Second {
		t.Errorf("took %s of %s, done %v", scan.Took, budget, scan.Done())
	}
	if share := scan.Share(); share <= 0 || share >= 1 {
		t.Errorf("share %v", share)
	}
}

// The table is rebuilt while it is scanned: none of the keys that are there all
// the time may be missed.
func TestScanWhileTheTableGrows(t *testing.T) {
	s := redistest.Start(t)
	fill(t, s, "stays", 2000)
	db := open(t, "redis://"+s.Addr)
	found := map[string]bool{}
	n := 0
	scan := db.Scan(t.Context(), redisdb.ScanSpec{Match: "stays*", Budget: 20 * time.Second, TTLs: true, Wanted: func(string) bool {
		if n++; n%500 == 1 {
			fill(t, s, fmt.Sprint("more", n, ":"), 5000)
		}
		return true
	}}, func(f redisdb.Found) { found[f.Key] = true })
	if len(found) != 2000 || !scan.Done() {
		t.Errorf("%d of 2000 keys, done %v", len(found), scan.Done())
	}
}

// NM-24: what is gone when it is looked at is no key without a TTL.
func TestScanDropsGhosts(t *testing.T) {
	s := redistest.Start(t)
	fill(t, s, "k", 1000)
	db := open(t, "redis://"+s.Addr)
	for _, spec := range []redisdb.ScanSpec{{Match: "k*", TTLs: true}, {Match: "k*", Values: true}} {
		gone := map[string]bool{}
		spec.Budget = 20 * time.Second
		spec.Wanted = func(key string) bool { // between SCAN and the look
			if strings.HasSuffix(key, "7") {
				s.Must("DEL", key)
				gone[key] = true
			}
			return true
		}
		db.Scan(t.Context(), spec, func(f redisdb.Found) {
			if gone[f.Key] {
				t.Errorf("a ghost: %+v", f)
			}
		})
		if len(gone) != 100 {
			t.Errorf("%d keys vanished", len(gone))
		}
		fill(t, s, "k", 1000)
	}
}

func TestScanOfHostileKeys(t *testing.T) {
	s := redistest.Start(t)
	s.Must("SET", "rate:huge", strings.Repeat("7", 10<<20))
	s.Must("RPUSH", "rate:list", "1")
	s.Must("SET", "rate:", "x")
	s.Must("SET", "rate:\r\nFLUSHALL\r\n", "5", "PX", "60000")
	s.Must("SET", "rate:empty", "")
	s.Must("SET", "xrate:1", "5")
	db := open(t, "redis://"+s.Addr)
	s.Must("CONFIG", "RESETSTAT")
	found := map[string]redisdb.Found{}
	db.Scan(t.Context(), redisdb.ScanSpec{Match: "rate:*", Values: true, Budget: time.Second}, func(f redisdb.Found) { found[f.Key] = f })
	if len(found) != 5 || !found["rate:huge"].Sight.Cut || !found["rate:list"].Sight.WrongType || !found["rate:empty"].Sight.Exists || !found["rate:"].Sight.NoTTL ||
		found["rate:\r\nFLUSHALL\r\n"].Sight.Value != "5" {
		t.Errorf("%+v", found)
	}
	if sent := s.Number("total_net_output_bytes"); sent > 50_000 {
		t.Errorf("%d bytes came over the wire", sent)
	}
}

func TestScanFailures(t *testing.T) {
	s := redistest.Start(t, "user noscan on >x ~* -@all +@read -scan +info", "user nopttl on >x ~* -@all +@read -pttl +info", "user some on >x ~rate:authorize:* -@all +@read +info")
	fill(t, s, "rate:authorize:", 100)
	fill(t, s, "rate:refund:", 50)
	scan := func(url string) (redisdb.Scan, int) {
		n := 0
		return open(t, url).Scan(t.Context(), redisdb.ScanSpec{Match: "rate:*", Values: true, Budget: time.Second}, func(redisdb.Found) { n++ }), n
	}
	for url, want := range map[string]fault.Class{
		"redis://" + redistest.Refusing(t):                                   fault.Unreachable,
		"redis://noscan:x@" + s.Addr:                                         fault.Permission,
		"redis://" + redistest.Saying(t, "HTTP/1.1 400 Bad Request\r\n\r\n"): fault.Schema,
	} {
		r, n := scan(url)
		if err := r.Parts[0].Source.Err; err == nil || err.Class != want || n != 0 || r.Done() || r.Share() != 0 {
			t.Errorf("%s: %+v, %d keys", url, r.Parts[0], n)
		}
	}
	if r, n := scan("redis://nopttl:x@" + s.Addr); !r.Done() || n != 150 || r.Parts[0].Refused != 150 {
		t.Errorf("without PTTL: %+v, %d keys", r.Parts[0], n)
	}
	if r, n := scan("redis://some:x@" + s.Addr); !r.Done() || n != 150 || r.Parts[0].Refused != 50 {
		t.Errorf("some keys: %+v, %d keys", r.Parts[0], n)
	}
}

// A server that goes away in the middle leaves what was seen, and where to go on.
func TestScanOfAServerThatDies(t *testing.T) {
	s := redistest.Start(t)
	fill(t, s, "k", 20000)
	db := open(t, "redis://"+s.Addr)
	found := map[string]bool{}
	n := 0
	scan := db.Scan(t.Context(), redisdb.ScanSpec{Match: "k*", TTLs: true, Budget: 20 * time.Second, Wanted: func(string) bool {
		if n++; n == 10000 {
			s.Stop()
		}
		return true
	}}, func(f redisdb.Found) { found[f.Key] = true })
	p := scan.Parts[0]
	if p.Source.Err == nil || scan.Done() || len(found) < 8000 || len(found) > 10000 {
		t.Fatalf("%d keys, %+v", len(found), p)
	}
	if truth := float64(len(found)) / 20000; math.Abs(scan.Share()-truth) > 0.01 {
		t.Errorf("share %v, the truth is %v", scan.Share(), truth)
	}
	s.Run()
	fill(t, s, "k", 20000)
	db.Scan(t.Context(), redisdb.ScanSpec{Match: "k*", TTLs: true, Budget: 20 * time.Second, From: scan.Positions()}, func(f redisdb.Found) { found[f.Key] = true })
	if len(found) < 10000 {
		t.Errorf("%d keys after going on", len(found))
	}
}

func TestScanOutOfTime(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	scan := open(t, "redis://"+redistest.BlackHole(t)).Scan(ctx, redisdb.ScanSpec{Budget: time.Minute}, func(redisdb.Found) {})
	if err := scan.Parts[0].Source.Err; err == nil || err.Class != fault.Timeout || time.Since(start) > 4*time.Second {
		t.Errorf("%v after %s", err, time.Since(start))
	}
}

// A server that did not even tell how many keys it has is no small one.
func TestShareBesideAServerThatIsGone(t *testing.T) {
	whole := func(keys int64) redisdb.Part {
		return redisdb.Part{Keys: keys, Sized: true, At: redisdb.Position{Done: true}}
	}
	died := redisdb.Part{Keys: 1_000_000, Sized: true}
	var gone redisdb.Part
	for name, c := range map[string]struct {
		parts   []redisdb.Part
		share   float64
		unsized int
	}{
		"all answered":         {[]redisdb.Part{whole(1_000_000), whole(3_000_000)}, 1, 0},
		"one of three is gone": {[]redisdb.Part{whole(1_000_000), gone, whole(1_000_000)}, 2.0 / 3, 1},
		"the others differ":    {[]redisdb.Part{whole(1_000_000), whole(3_000_000), gone, gone}, 0.5, 2},
		"the others are empty": {[]redisdb.Part{whole(0), gone}, 0.5, 1},
		"it went away later":   {[]redisdb.Part{whole(3_000_000), died}, 0.75, 0},
		"all are gone":         {[]redisdb.Part{gone, gone}, 0, 2},
	} {
		s := redisdb.Scan{Parts: c.parts}
		if math.Abs(s.Share()-c.share) > 1e-9 || s.Unsized() != c.unsized {
			t.Errorf("%s: share %v, %d unsized, want %v and %d", name, s.Share(), s.Unsized(), c.share, c.unsized)
		}
	}
}
