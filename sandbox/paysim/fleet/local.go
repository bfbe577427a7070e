package fleet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"payops-mcp/sandbox/paysim"
	"payops-mcp/sandbox/stack/proc"
)

// local runs a member inside of this process.
type local struct {
	member  *Member
	process *paysim.Process // nil while stopped
	log     tail
}

// errLocal says what cannot be done to what is no process.
var errLocal = errors.New("it runs inside of this process and cannot be killed or frozen alone; use real children for that")

func (l *local) start(context.Context) error {
	if l.process != nil {
		return nil
	}
	var environ []string
	for k, v := range l.member.env {
		environ = append(environ, k+"="+v)
	}
	s, err := paysim.LoadSettings(environ)
	if err != nil {
		return fmt.Errorf("%s: %w", l.member.name, err)
	}
	l.process, err = paysim.Start(s, slog.New(slog.NewTextHandler(&l.log, nil)))
	return err
}

func (l *local) signal(s proc.Signal) error {
	switch {
	case s == proc.Pause, s == proc.Resume:
		return fmt.Errorf("%s %s: %w", s, l.member.name, errLocal)
	case l.process == nil:
		return nil
	}
	err := l.process.Close()
	l.process = nil
	return err
}

func (l *local) logTail() string { return l.log.String() }

// tail keeps the end of what is written.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// maxTail is how much is kept, in bytes.
const maxTail = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - maxTail; over > 0 {
		t.text = bytes.Clone(t.text[over:])
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
