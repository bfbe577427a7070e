package traffic

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestDaily(t *testing.T) {
	midnight := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	sum, least, most, last := 0.0, math.Inf(1), 0.0, Daily(midnight)
	for m := range 24 * 60 {
		v := Daily(midnight.Add(time.Duration(m) * time.Minute))
		if math.Abs(v-last) > 0.02 {
			t.Fatalf("a step from %v to %v at minute %d", last, v, m)
		}
		sum, least, most, last = sum+v, min(least, v), max(most, v), v
	}
	if mean := sum / (24 * 60); math.Abs(mean-1) > 0.01 {
		t.Errorf("mean %v, want 1", mean)
	}
	if most < 5*least {
		t.Errorf("from %v to %v: nights are as busy as evenings", least, most)
	}
}

func TestMerchantsDifferInSize(t *testing.T) {
	g := New(Options{Seed: 1, CaptureShare: 0.1, RefundShare: 0.08, DuplicateShare: 0.01})
	const n = 20_000
	count, keys, capture, refund, duplicate := map[string]int{}, map[string]bool{}, 0, 0, 0
	for range n {
		p, ok := g.plan()
		if !ok {
			t.Fatal("no limit was set")
		}
		count[p.Merchant]++
		keys[p.Key] = true
		for flag, sum := range map[*int]bool{&capture: p.capture, &refund: p.refund, &duplicate: p.duplicate} {
			if sum {
				*flag++
			}
		}
		if p.Amount <= 0 || len(p.Currency) != 3 {
			t.Fatalf("impossible payment %+v", p)
		}
	}
	all := Merchants(40)
	if big, small := count[all[0]], count[all[39]]; big < n/5 || small == 0 || big < 10*small {
		t.Errorf("the largest merchant has %d, the smallest %d of %d", big, small, n)
	}
	if len(keys) != n {
		t.Errorf("%d keys for %d payments", len(keys), n)
	}
	for share, got := range map[float64]int{0.1: capture, 0.08: refund, 0.01: duplicate} {
		if math.Abs(float64(got)/n-share) > 0.01 {
			t.Errorf("%d of %d, want a share of %v", got, n, share)
		}
	}
}

func TestGap(t *testing.T) {
	busy := func(time.Time) float64 { return 2 }
	g := New(Options{Rate: 50, Shape: busy, Seed: 1})
	var sum time.Duration
	const n = 10_000
	for range n {
		sum += g.gap(time.Now())
	}
	if mean := sum / n; mean < 9*time.Millisecond || mean > 11*time.Millisecond {
		t.Errorf("a payment every %s, want every 10 ms", mean)
	}
}

func TestNumberOfPayments(t *testing.T) {
	g := New(Options{Payments: 2})
	for i, want := range []bool{true, true, false, false} {
		if _, ok := g.plan(); ok != want {
			t.Errorf("payment %d: %t", i+1, ok)
		}
	}
}

// Another rate is no repetition of the payments that were made until then.
func TestALoadDoesNotPayTheSameAgain(t *testing.T) {
	l := NewLoad(Options{Targets: []string{"http://127.0.0.1:0"}, Seed: 7})
	t.Cleanup(func() { l.Set(0) })
	seen := map[plan]int{}
	for i := range 3 {
		l.Set(1e-9) // nobody pays yet
		p, ok := New(l.g.options).plan()
		p.Key = ""
		if before, again := seen[p]; again || !ok {
			t.Errorf("load %d begins as load %d did: %+v", i, before, p)
		}
		seen[p] = i
	}
}

// A load goes on at another rate, and ends, without being made anew.
func TestLoad(t *testing.T) {
	var n atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"paymentId":%d}`, n.Add(1))
	}))
	t.Cleanup(server.Close)
	l := NewLoad(Options{Targets: []string{server.URL}})
	t.Cleanup(func() { l.Set(0) })
	control := httptest.NewServer(l.Handler())
	t.Cleanup(control.Close)
	set := func(body string) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, control.URL, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	for body, want := range map[string]int{`{"rate":-1}`: 400, `{"rate":1e9}`: 400, `rate`: 400, `{"rate":500}`: 204} {
		if got := set(body); got != want {
			t.Errorf("%s is answered %d, want %d", body, got, want)
		}
	}
	deadline := time.Now().Add(time.Minute)
	for l.Status().Stats.Paid < 5 {
		if time.Now().After(deadline) {
			t.Fatalf("no payments: %+v", l.Status())
		}
		runtime.Gosched()
	}
	if got := set(`{"rate":0}`); got != http.StatusNoContent {
		t.Errorf("the end is answered %d", got)
	}
	before := n.Load()
	if now := l.Status(); now.Rate != 0 || now.Stats.Paid == 0 {
		t.Errorf("ended, it is %+v", now)
	}
	if after := n.Load(); after != before {
		t.Errorf("%d payments after the end", after-before)
	}
}
