package paydb

import (
	"context"
	"time"
)

const (
	killTimeout = 2 * time.Second
	// killWait is how long a call that is over waits for its statement's end. A
	// server that cannot be reached any more must not hold the answer up.
	killWait = 100 * time.Millisecond
)

// kill stops the statement of a connection that was given up: MariaDB notices a
// closed socket only when it has something to send. An account may always stop
// its own statements. Where this fails, the limit at the server ends them.
func (s *shard) kill(id string) {
	if id == "" {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		ctx, cancel := context.WithTimeout(context.Background(), killTimeout)
		defer cancel()
		// An error here is of no use to anybody: the statement may be over, too.
		_, _ = s.side.ExecContext(ctx, "KILL QUERY "+id)
	}()
	select {
	case <-done:
	case <-time.After(killWait):
	}
}
