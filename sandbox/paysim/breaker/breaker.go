package breaker

import (
	"errors"
	"sync"
	"time"

	"payops-mcp/sandbox/ingest/wire"
)

// ErrNotPermitted is what a call ends with that the breaker turned away.
var ErrNotPermitted = errors.New("circuit breaker does not permit the call")

// Config says when a breaker opens and closes. Rates are percent.
type Config struct {
	FailureRate     float64       // opens at this share of failed calls or more
	SlowRate        float64       // opens at this share of slow calls or more
	SlowCall        time.Duration // a call that takes longer is slow
	Window          int           // calls that are remembered
	MinimumCalls    int           // calls before a rate is known
	HalfOpenCalls   int           // calls let through, and remembered, while HALF_OPEN
	WaitOpen        time.Duration // how long OPEN lasts before it turns HALF_OPEN by itself
	MaxWaitHalfOpen time.Duration // how long HALF_OPEN may last before it turns OPEN again; 0 means for ever
}

// The configurations of the real service.
var (
	KafkaPublisher = Config{FailureRate: 50, SlowRate: 50, SlowCall: 2 * time.Second, Window: 100, MinimumCalls: 5, HalfOpenCalls: 3, WaitOpen: 30 * time.Second}
	PGAuthAPI      = Config{FailureRate: 50, SlowRate: 50, SlowCall: 2 * time.Second, Window: 100, MinimumCalls: 10, HalfOpenCalls: 5, WaitOpen: 60 * time.Second}
)

// Breaker is one circuit breaker. Its methods may be called side by side.
type Breaker struct {
	name   string
	config Config

	mu       sync.Mutex
	state    wire.State
	window   *window
	permits  int // left while HALF_OPEN
	timer    *time.Timer
	timerGen int // of the state that the timer was set in

	successful, failedCalls, ignored calls
	notPermitted                     float64
}

// New makes a breaker that is CLOSED and has seen nothing.
func New(name string, config Config) *Breaker {
	b := &Breaker{name: name, config: config}
	b.enter(wire.Closed)
	return b
}

// Name is what metrics call it.
func (b *Breaker) Name() string { return b.name }

// State is the present state.
func (b *Breaker) State() wire.State {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state
}

// Acquire asks for permission to make one call. Who has it must report the
// outcome by OnSuccess or OnError, or give it back by Release.
func (b *Breaker) Acquire() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch b.state {
	case wire.Open, wire.ForcedOpen:
		b.turnAway()
		return false
	case wire.HalfOpen:
		if b.permits == 0 {
			b.turnAway()
			return false
		}
		b.permits--
	}
	return true
}

// turnAway counts a call that is not made. FORCED_OPEN publishes no events, of
// which the cumulative number is made.
func (b *Breaker) turnAway() {
	b.window.notPermitted++
	if b.publishes() {
		b.notPermitted++
	}
}

// Release gives back a permission that was not used.
func (b *Breaker) Release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.release()
}

func (b *Breaker) release() {
	if b.state == wire.HalfOpen {
		b.permits++
	}
}

// OnSuccess reports that a call took so long and succeeded.
func (b *Breaker) OnSuccess(took time.Duration) { b.record(0, took, &b.successful) }

// OnError reports that a call took so long and failed.
func (b *Breaker) OnError(took time.Duration) { b.record(failed, took, &b.failedCalls) }

// OnIgnored reports a call whose failure says nothing of the other side. It
// gives the permission back.
func (b *Breaker) OnIgnored(took time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.release()
	if b.publishes() {
		b.ignored.add(took)
	}
}

func (b *Breaker) record(o outcome, took time.Duration, total *calls) {
	if took > b.config.SlowCall {
		o |= slow
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.publishes() {
		total.add(took)
	}
	switch b.state {
	case wire.ForcedOpen, wire.Disabled:
		// These two do not look at what calls do.
	case wire.Open:
		// A late answer to a call from before; it decides nothing any more.
		b.window.add(o)
	case wire.MetricsOnly:
		b.window.add(o)
	case wire.Closed:
		b.window.add(o)
		if b.exceeded() {
			b.enter(wire.Open)
		}
	case wire.HalfOpen:
		b.window.add(o)
		switch {
		case b.window.rate(0) < 0:
		case b.exceeded():
			b.enter(wire.Open)
		default:
			b.enter(wire.Closed)
		}
	}
}

// publishes says whether the state tells listeners of calls, which is what the
// cumulative metrics are made of.
func (b *Breaker) publishes() bool { return b.state != wire.ForcedOpen && b.state != wire.Disabled }

// exceeded says whether a rate is known and has reached its threshold.
func (b *Breaker) exceeded() bool {
	w := b.window
	return w.rate(w.failed) >= b.config.FailureRate || w.rate(w.slow) >= b.config.SlowRate
}

// TransitionTo changes the state by hand, as an operator does. To the state it
// is in already it begins anew, with an empty window.
func (b *Breaker) TransitionTo(s wire.State) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.enter(s)
}

// enter changes the state; the lock is held.
func (b *Breaker) enter(s wire.State) {
	b.timerGen++
	if b.timer != nil {
		b.timer.Stop()
	}
	b.state = s
	switch s {
	case wire.Closed, wire.MetricsOnly:
		b.window = newWindow(b.config.Window, b.config.MinimumCalls)
	case wire.HalfOpen:
		b.window = newWindow(b.config.HalfOpenCalls, b.config.MinimumCalls)
		b.permits = b.config.HalfOpenCalls
		b.after(b.config.MaxWaitHalfOpen, wire.Open)
	case wire.ForcedOpen, wire.Disabled:
		b.window = newWindow(0, b.config.MinimumCalls)
	case wire.Open:
		// OPEN goes on with the window that opened it.
		b.after(b.config.WaitOpen, wire.HalfOpen)
	}
}

// after has a timer enter a state, unless another was entered before.
func (b *Breaker) after(wait time.Duration, s wire.State) {
	if wait == 0 {
		return
	}
	gen := b.timerGen
	b.timer = time.AfterFunc(wait, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.timerGen == gen {
			b.enter(s)
		}
	})
}

// Close stops the timer. The breaker stays as it is.
func (b *Breaker) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.timerGen++
	if b.timer != nil {
		b.timer.Stop()
	}
}

// Do makes a call if it is permitted, and reports how it ended.
func (b *Breaker) Do(call func() error) error {
	if !b.Acquire() {
		return ErrNotPermitted
	}
	begin := time.Now()
	err := call()
	if err != nil {
		b.OnError(time.Since(begin))
		return err
	}
	b.OnSuccess(time.Since(begin))
	return nil
}
