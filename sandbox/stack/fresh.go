package stack

import (
	"context"
	"errors"
	"sync"
)

// fresher is the loop of seed.Plan.KeepFresh, which can be paused.
type fresher struct {
	loop func(context.Context)

	mu   sync.Mutex
	stop func() // nil while paused
}

func newFresher(loop func(context.Context)) *fresher { return &fresher{loop: loop} }

func (f *fresher) resume() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stop != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.loop(ctx)
	}()
	f.stop = func() {
		cancel()
		<-done
	}
}

// pause returns when the loop has ended, so that it changes nothing any more.
func (f *fresher) pause() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stop != nil {
		f.stop()
		f.stop = nil
	}
}

// PauseFresh stops keeping the seeded data young, so that an incident can let
// what is in flight grow old; the poller, for example, then looks dead. When it
// returns nothing changes any more. It works through the control address too.
func (s *Stack) PauseFresh(ctx context.Context) error { return s.setFresh(ctx, verbPause) }

// ResumeFresh undoes PauseFresh.
func (s *Stack) ResumeFresh(ctx context.Context) error { return s.setFresh(ctx, verbResume) }

func (s *Stack) setFresh(ctx context.Context, verb string) error {
	switch {
	case s.fresh != nil && verb == verbPause:
		s.fresh.pause()
	case s.fresh != nil && verb == verbResume:
		s.fresh.resume()
	case s.sup != nil:
		return errors.New("the stack does not keep its data fresh: it was started without Seed, or with a negative KeepFresh")
	case s.controlURL == "":
		return ErrAttached
	default:
		return remote{s.controlURL + "/fresh"}.do(ctx, verb)
	}
	return nil
}
