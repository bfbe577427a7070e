package stack

import (
	"fmt"
	"io"
	"sync"
)

// logger writes progress lines from several parts at once.
type logger struct {
	mu sync.Mutex
	w  io.Writer // nil means nowhere
}

func (l *logger) printf(format string, args ...any) {
	if l.w != nil {
		_, _ = fmt.Fprintf(l, format+"\n", args...)
	}
}

// Write hands on one line at a time.
func (l *logger) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(line)
}

// writer is the logger for somebody who takes nil for nowhere.
func (l *logger) writer() io.Writer {
	if l.w == nil {
		return nil
	}
	return l
}
