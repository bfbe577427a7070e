package serve

import (
	"bytes"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

const (
	// logLines is how many lines wait for a host that does not read our stderr.
	logLines = 1000
	// lastLines is how long they may hold up the end of the process.
	lastLines = 200 * time.Millisecond
)

// spool writes to the log without ever waiting for it: a host that does not read
// our stderr must not bring the server to a halt once its pipe is full. Lines
// that find no room are counted and lost.
type spool struct {
	lines chan []byte // nil asks for a sign on flushed
	done  chan struct{}
	lost  atomic.Int64
}

func newSpool(to io.Writer) *spool {
	s := &spool{lines: make(chan []byte, logLines), done: make(chan struct{}, 1)}
	go func() {
		for line := range s.lines {
			if line == nil {
				s.done <- struct{}{}
				continue
			}
			if n := s.lost.Swap(0); n > 0 {
				fmt.Fprintf(to, "level=WARN msg=\"log lines lost: stderr was not read\" lost=%d\n", n)
			}
			_, _ = to.Write(line) // there is nowhere to tell of a broken log
		}
	}()
	return s
}

// Write takes a line.
func (s *spool) Write(line []byte) (int, error) {
	select {
	case s.lines <- bytes.Clone(line):
	default:
		s.lost.Add(1)
	}
	return len(line), nil
}

// flush waits until what was written before is out, for at most lastLines.
func (s *spool) flush() {
	timeout := time.After(lastLines)
	select {
	case s.lines <- nil:
	case <-timeout:
		return
	}
	select {
	case <-s.done:
	case <-timeout:
	}
}
