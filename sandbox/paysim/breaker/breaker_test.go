package breaker_test

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"payops-mcp/sandbox/ingest/wire"
	"payops-mcp/sandbox/paysim/breaker"
)

// config is small, so that cases are short.
var config = breaker.Config{
	FailureRate: 50, SlowRate: 50, SlowCall: 2 * time.Second,
	Window: 6, MinimumCalls: 4, HalfOpenCalls: 3, WaitOpen: 30 * time.Second,
}

// play does what each letter says: s success, f failure, S and F slow ones, i
// an ignored one, x an attempt that is given back, n an attempt that must not
// be permitted, w a wait of 30 s, and a digit a state by hand.
func play(t *testing.T, b *breaker.Breaker, script string) {
	t.Helper()
	const fast, slow = 10 * time.Millisecond, 3 * time.Second
	byHand := map[rune]wire.State{'1': wire.Closed, '2': wire.Open, '3': wire.HalfOpen, '4': wire.ForcedOpen, '5': wire.Disabled, '6': wire.MetricsOnly}
	for i, c := range script {
		switch {
		case c == 'w':
			time.Sleep(30 * time.Second)
			synctest.Wait()
			continue
		case byHand[c] != "":
			b.TransitionTo(byHand[c])
			continue
		}
		if got, want := b.Acquire(), c != 'n'; got != want {
			t.Fatalf("%s, step %d (%c): permitted %t in %s", script, i, c, got, b.State())
		}
		switch c {
		case 's':
			b.OnSuccess(fast)
		case 'S':
			b.OnSuccess(slow)
		case 'f':
			b.OnError(fast)
		case 'F':
			b.OnError(slow)
		case 'i':
			b.OnIgnored(fast)
		case 'x':
			b.Release()
		}
	}
}

func TestStates(t *testing.T) {
	for _, c := range []struct {
		about, script string
		want          wire.Breaker
	}{
		{"nothing seen", "", wire.Breaker{State: wire.Closed, FailureRate: -1, SlowCallRate: -1}},
		{"below the minimum no rate is known", "fff", wire.Breaker{State: wire.Closed, Failed: 3, FailureRate: -1, SlowCallRate: -1}},
		{"the threshold itself opens", "sfsf", wire.Breaker{State: wire.Open, Successful: 2, Failed: 2, FailureRate: 50}},
		{"a success can bring the rate that opens", "fffs", wire.Breaker{State: wire.Open, Successful: 1, Failed: 3, FailureRate: 75}},
		{"below the threshold", "sssf", wire.Breaker{State: wire.Closed, Successful: 3, Failed: 1, FailureRate: 25}},
		{"the oldest calls are forgotten", "fsssssss", wire.Breaker{State: wire.Closed, Successful: 6}},
		{"slow successes open", "SSss", wire.Breaker{State: wire.Open, Successful: 4, SlowSuccessful: 2, SlowCallRate: 50}},
		{"slow failures count in both", "sssssF", wire.Breaker{State: wire.Closed, Successful: 5, Failed: 1, SlowFailed: 1, FailureRate: 100.0 / 6, SlowCallRate: 100.0 / 6}},
		{"ignored calls are not remembered", "iiii", wire.Breaker{State: wire.Closed, FailureRate: -1, SlowCallRate: -1}},
		{"open turns away, with the window that opened it", "ffffnn", wire.Breaker{State: wire.Open, Failed: 4, NotPermitted: 2, FailureRate: 100}},
		{"the timer makes it half open, without any call", "ffffw", wire.Breaker{State: wire.HalfOpen, FailureRate: -1, SlowCallRate: -1}},
		{"half open stays while its window is not full", "ffffwss", wire.Breaker{State: wire.HalfOpen, Successful: 2, FailureRate: -1, SlowCallRate: -1}},
		{"half open closes, with a fresh window", "ffffwsss", wire.Breaker{State: wire.Closed, FailureRate: -1, SlowCallRate: -1}},
		{"half open closes in spite of one failure in three", "ffffwfss", wire.Breaker{State: wire.Closed, FailureRate: -1, SlowCallRate: -1}},
		{"half open opens again, and tells of its own window", "ffffwsff", wire.Breaker{State: wire.Open, Successful: 1, Failed: 2, FailureRate: 200.0 / 3}},
		{"half open opens again for slow calls", "ffffwSSs", wire.Breaker{State: wire.Open, Successful: 3, SlowSuccessful: 2, SlowCallRate: 200.0 / 3}},
		{"and half open again", "ffffwfffw", wire.Breaker{State: wire.HalfOpen, FailureRate: -1, SlowCallRate: -1}},
		{"half open has no limit of its own in time", "ffffwsww", wire.Breaker{State: wire.HalfOpen, Successful: 1, FailureRate: -1, SlowCallRate: -1}},
		{"a permission that is given back can be used again", "ffffwxxxsss", wire.Breaker{State: wire.Closed, FailureRate: -1, SlowCallRate: -1}},
		{"an ignored call gives its permission back", "ffffwiiisss", wire.Breaker{State: wire.Closed, FailureRate: -1, SlowCallRate: -1}},
		{"opened by hand it becomes half open too", "2nw", wire.Breaker{State: wire.HalfOpen, FailureRate: -1, SlowCallRate: -1}},
		{"forced open stays and has no window", "4nnw", wire.Breaker{State: wire.ForcedOpen, NotPermitted: 2, FailureRate: -1, SlowCallRate: -1}},
		{"disabled lets everything through and looks at nothing", "5ffffff", wire.Breaker{State: wire.Disabled, FailureRate: -1, SlowCallRate: -1}},
		{"metrics only lets everything through and looks", "6ffffff", wire.Breaker{State: wire.MetricsOnly, Failed: 6, FailureRate: 100}},
		{"closed by hand while the timer runs", "ffff1w", wire.Breaker{State: wire.Closed, FailureRate: -1, SlowCallRate: -1}},
		{"closing by hand begins anew", "sssf1", wire.Breaker{State: wire.Closed, FailureRate: -1, SlowCallRate: -1}},
	} {
		t.Run(c.about, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := breaker.New("test", config)
				defer b.Close()
				play(t, b, c.script)
				if got := b.Tell().Breaker; got != c.want {
					t.Errorf("after %q\n got %+v\nwant %+v", c.script, got, c.want)
				}
			})
		})
	}
}

// The fourth attempt of a half-open breaker is turned away while the first
// three are still under way.
func TestHalfOpenPermits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New("test", config)
		defer b.Close()
		play(t, b, "3")
		for range 3 {
			if !b.Acquire() {
				t.Fatal("not permitted within the number of calls")
			}
		}
		play(t, b, "nn")
		if got := b.Tell(); got.NotPermitted != 2 || got.NotPermittedTotal != 2 {
			t.Errorf("not permitted: %d and %v, want 2 and 2", got.NotPermitted, got.NotPermittedTotal)
		}
		for range 3 {
			b.OnSuccess(time.Millisecond)
		}
		if b.State() != wire.Closed {
			t.Errorf("state %s after three successes", b.State())
		}
	})
}

func TestMaxWaitHalfOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := config
		c.MaxWaitHalfOpen = 10 * time.Second
		b := breaker.New("test", c)
		defer b.Close()
		play(t, b, "3s")
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if b.State() != wire.Open {
			t.Errorf("state %s, want OPEN", b.State())
		}
	})
}

// An answer that arrives after the breaker opened is remembered and decides
// nothing.
func TestLateAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New("test", config)
		defer b.Close()
		if !b.Acquire() {
			t.Fatal("not permitted")
		}
		play(t, b, "ffff")
		b.OnSuccess(time.Millisecond)
		if got := b.Tell(); got.State != wire.Open || got.Successful != 1 || got.Failed != 4 {
			t.Errorf("%+v, want OPEN with one success and four failures", got.Breaker)
		}
	})
}

// The cumulative numbers outlive states; forced open and disabled add nothing.
func TestTotals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New("test", config)
		defer b.Close()
		play(t, b, "sSffn4nn5fs1sFi")
		got := b.Tell()
		if got.SuccessfulCalls.Count != 3 || got.FailedCalls.Count != 3 || got.IgnoredCalls.Count != 1 || got.NotPermittedTotal != 1 {
			t.Errorf("%+v, want 3 successful, 3 failed, 1 ignored and 1 not permitted", got)
		}
		if got.FailedCalls.Max != 3 {
			t.Errorf("longest failed call %v s, want 3", got.FailedCalls.Max)
		}
		time.Sleep(3 * time.Minute)
		if got := b.Tell().FailedCalls; got.Max != 0 || got.Seconds < 3 {
			t.Errorf("three minutes later: %+v, want no maximum any more", got)
		}
	})
}

func TestDo(t *testing.T) {
	b := breaker.New("test", config)
	defer b.Close()
	broken := errors.New("broken")
	for range 4 {
		if err := b.Do(func() error { return broken }); !errors.Is(err, broken) {
			t.Fatal(err)
		}
	}
	err := b.Do(func() error { t.Error("the call was made"); return nil })
	if !errors.Is(err, breaker.ErrNotPermitted) {
		t.Errorf("error %v, want ErrNotPermitted", err)
	}
}

// Many callers at once never get more permissions than there are.
func TestSideBySide(t *testing.T) {
	b := breaker.New("test", config)
	defer b.Close()
	b.TransitionTo(wire.HalfOpen)
	var all sync.WaitGroup
	granted := make(chan bool, 100)
	for range 100 {
		all.Go(func() { granted <- b.Acquire() })
	}
	all.Wait()
	close(granted)
	n := 0
	for g := range granted {
		if g {
			n++
		}
	}
	if n != config.HalfOpenCalls {
		t.Errorf("%d permissions, want %d", n, config.HalfOpenCalls)
	}
}
