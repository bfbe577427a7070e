package redis

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/exec"
)

// other is the pinger: the other client whose waits are measured.
type other struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// waits are those of the other client over some time, in microseconds.
type waits struct {
	n             int
	p50, p99, max float64
}

func startOther(ctx context.Context, program, addr, user, password string) (*other, error) {
	cmd := exec.CommandContext(ctx, program, addr, user, password)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	o := &other{cmd, in, bufio.NewReader(out)}
	_, err = o.since() // it is connected
	return o, err
}

// since returns the waits since it was asked last.
func (o *other) since() (w waits, err error) {
	if _, err := io.WriteString(o.in, "\n"); err != nil {
		return w, err
	}
	line, err := o.out.ReadString('\n')
	if err != nil {
		return w, fmt.Errorf("pinger: %w", err)
	}
	_, err = fmt.Sscan(line, &w.n, &w.p50, &w.p99, &w.max)
	return w, err
}

// during returns the waits while something is done.
func (o *other) during(do func() error) (waits, error) {
	if _, err := o.since(); err != nil {
		return waits{}, err
	}
	if err := do(); err != nil {
		return waits{}, err
	}
	return o.since()
}

func (o *other) end() {
	_ = o.in.Close()
	_ = o.cmd.Wait() // how it ends is no matter
}
