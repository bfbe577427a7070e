// Package subject starts a server as a host does and looks at it from outside:
// how long it takes to answer, what processor time and memory it uses, and how
// fast it leaves.
package subject

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// Process is a running server.
type Process struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	read chan struct{} // closed when its stdout has ended

	mu      sync.Mutex
	next    int64
	waiting map[int64]chan<- reply
	gone    bool
}

type reply struct {
	ID     int64           `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`

	at time.Time // when its line was read
}

// errGone answers what was asked of a process that has ended.
var errGone = errors.New("the server has ended")

// Start starts a program with settings alone, beside what a process needs to run,
// and initializes it. It returns the time from before the fork to the answer.
func Start(ctx context.Context, program string, settings map[string]string) (*Process, time.Duration, error) {
	cmd := exec.CommandContext(ctx, program)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	for k, v := range settings {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, 0, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, 0, err
	}
	p := &Process{cmd: cmd, in: in, read: make(chan struct{}), waiting: map[int64]chan<- reply{}}
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, 0, fmt.Errorf("start %s: %w", program, err)
	}
	go p.receive(out)
	hello, err := p.Send("initialize", map[string]any{"protocolVersion": "2025-11-25", "capabilities": map[string]any{},
		"clientInfo": map[string]string{"name": "payops-bench", "version": "1"}})
	var took time.Duration
	if err == nil {
		_, took, err = hello.Wait(ctx)
		took += hello.sent.Sub(begin)
	}
	if err == nil {
		_, err = p.send(map[string]any{"jsonrpc": "2.0", "method": "notifications/initialized"})
	}
	if err != nil {
		p.Kill()
		return nil, 0, fmt.Errorf("initialize %s: %w", program, err)
	}
	return p, took, nil
}

func (p *Process) receive(out io.Reader) {
	defer close(p.read)
	r := bufio.NewReaderSize(out, 256<<10)
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			break
		}
		answer := reply{at: time.Now()} // what is done with it here is not the server's time
		if json.Unmarshal(line, &answer) != nil {
			continue
		}
		p.mu.Lock()
		waits := p.waiting[answer.ID]
		delete(p.waiting, answer.ID)
		p.mu.Unlock()
		if waits != nil {
			waits <- answer
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = true
	for id, waits := range p.waiting {
		delete(p.waiting, id)
		close(waits)
	}
}

// send writes a message and returns when it began to.
func (p *Process) send(message any) (time.Time, error) {
	data, err := json.Marshal(message)
	if err != nil {
		return time.Time{}, err
	}
	begin := time.Now()
	_, err = p.in.Write(append(data, '\n'))
	return begin, err
}

// Pending is a request under way.
type Pending struct {
	id     int64
	sent   time.Time
	answer <-chan reply
}

// Send sends a request and does not wait.
func (p *Process) Send(method string, params any) (Pending, error) {
	answer := make(chan reply, 1)
	p.mu.Lock()
	if p.gone {
		p.mu.Unlock()
		return Pending{}, errGone
	}
	p.next++
	id := p.next
	p.waiting[id] = answer
	p.mu.Unlock()
	sent, err := p.send(map[string]any{"jsonrpc": "2.0", "id": id, "method": method, "params": params})
	return Pending{id, sent, answer}, err
}

// Answered reports whether the answer has come, without taking it.
func (w Pending) Answered() bool { return len(w.answer) > 0 }

// Wait waits for the answer. It returns how long it took from the first byte of the
// request to the last of the answer.
func (w Pending) Wait(ctx context.Context) (result json.RawMessage, took time.Duration, err error) {
	select {
	case r, ok := <-w.answer:
		switch {
		case !ok:
			return nil, 0, errGone
		case r.Error != nil:
			return nil, 0, errors.New(r.Error.Message)
		}
		return r.Result, r.at.Sub(w.sent), nil
	case <-ctx.Done():
		return nil, time.Since(w.sent), context.Cause(ctx)
	}
}

// Ask sends a request and waits for the answer, as Wait does.
func (p *Process) Ask(ctx context.Context, method string, params any) (json.RawMessage, time.Duration, error) {
	w, err := p.Send(method, params)
	if err != nil {
		return nil, 0, err
	}
	return w.Wait(ctx)
}

// Call is a tool and its arguments.
type Call struct {
	Tool string         `json:"name"`
	Args map[string]any `json:"arguments"`
}

// Answer is what a tool said.
type Answer struct {
	Text       string
	IsError    bool
	Structured json.RawMessage
	Took       time.Duration // from the first byte of the request to the last of the answer
}

// Call calls a tool.
func (p *Process) Call(ctx context.Context, c Call) (Answer, error) {
	result, took, err := p.Ask(ctx, "tools/call", c)
	if err != nil {
		return Answer{Took: took}, fmt.Errorf("%s: %w", c.Tool, err)
	}
	var r struct {
		Content           []struct{ Text string }
		IsError           bool
		StructuredContent json.RawMessage
	}
	if err := json.Unmarshal(result, &r); err != nil {
		return Answer{}, fmt.Errorf("%s: %w", c.Tool, err)
	}
	a := Answer{IsError: r.IsError, Structured: r.StructuredContent, Took: took}
	for _, part := range r.Content {
		a.Text += part.Text
	}
	return a, nil
}

// End closes the server's stdin and returns how long it took to leave.
func (p *Process) End() (time.Duration, error) {
	begin := time.Now()
	if err := p.in.Close(); err != nil {
		return 0, err
	}
	late := time.AfterFunc(10*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	<-p.read
	err := p.cmd.Wait()
	return time.Since(begin), err
}

// Kill ends the server at once.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may be gone
	<-p.read
	_ = p.cmd.Wait()
}

// compact is a JSON value without spaces, as it goes over the wire.
func compact(v json.RawMessage) string {
	var b bytes.Buffer
	if json.Compact(&b, v) != nil {
		return string(v)
	}
	return b.String()
}

// Tools returns the number of tools and the result of tools/list, as it goes over
// the wire.
func (p *Process) Tools(ctx context.Context) (n int, list string, err error) {
	result, _, err := p.Ask(ctx, "tools/list", map[string]any{})
	if err != nil {
		return 0, "", fmt.Errorf("tools/list: %w", err)
	}
	var r struct{ Tools []json.RawMessage }
	if err := json.Unmarshal(result, &r); err != nil {
		return 0, "", fmt.Errorf("tools/list: %w", err)
	}
	return len(r.Tools), compact(result), nil
}
