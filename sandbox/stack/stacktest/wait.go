package stacktest

import (
	"context"
	"errors"
	"testing"
	"time"
)

// within bounds how long a test waits for what must come, also on a machine that
// has much else to do.
const within = time.Minute

// Eventually waits until a condition holds, and fails the test after a minute.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	Works(t, what, func(context.Context) error {
		if !ok() {
			return errors.New("not yet")
		}
		return nil
	})
}

// Works tries until there is no error, and fails the test with the last one after
// a minute.
func Works(t testing.TB, what string, try func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try(ctx)
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("not within %s: %s: %v", within, what, err)
		}
	}
}
