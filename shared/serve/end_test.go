package serve_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// lastMoment is when a host kills a server that has not left (2 s), and what a busy
// machine may need to see it; scripts/bench mcp holds the process to the 2 s.
const lastMoment = 2*time.Second + 5*time.Second

func TestTheProcessLeavesInTime(t *testing.T) {
	ends := map[string]func(*peer){
		"stdin ends": func(p *peer) { p.in.Close() },
		"SIGTERM":    func(p *peer) { p.signal(syscall.SIGTERM) },
		"SIGINT":     func(p *peer) { p.signal(os.Interrupt) },
	}
	for end, leave := range ends {
		for _, do := range []string{"", "wait", "ignore"} {
			name := end + " when idle"
			if do != "" {
				name = end + " while a handler would " + do
			}
			t.Run(name, func(t *testing.T) {
				if runtime.GOOS == "windows" && end != "stdin ends" {
					t.Skip("no such signal here")
				}
				t.Parallel()
				p := start(t)
				p.initialize("2025-11-25")
				if do != "" {
					p.send(call(1, do))
					p.awaitPong()
				}
				leave(p)
				if code, took := p.exit(); code != 0 || took > lastMoment {
					t.Errorf("exit code %d after %s, want 0 within %s", code, took, lastMoment)
				}
			})
		}
	}
}

func (p *peer) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// A host that reads no more holds up every write; the process leaves all the same.
func TestTheProcessLeavesWhenNobodyReads(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := child(ctx, nil)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cmd.StdoutPipe(); err != nil { // never read
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		fmt.Fprintln(in, `{"jsonrpc":"2.0","id":`+fmt.Sprint(i)+`,"method":"tools/call","params":{"name":"run_test","arguments":{"do":"large","bytes":200}}}`)
	}
	start := time.Now()
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > lastMoment {
		t.Errorf("it took %s", took)
	}
}

// A second signal ends a process that is still waiting for its calls.
func TestASecondSignalEndsTheProcessAtOnce(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no such signal here")
	}
	cmd := child(t.Context(), nil)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe() // never read, so that the process cannot leave at once
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(in, `{"jsonrpc":"2.0","id":0,"method":"ping"}`)
	if _, err := out.Read(make([]byte, 1)); err != nil { // so that it has begun to heed signals
		t.Fatal(err)
	}
	for i := range 3000 {
		fmt.Fprintln(in, `{"jsonrpc":"2.0","id":`+fmt.Sprint(i)+`,"method":"tools/list"}`)
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_ = cmd.Wait() // how it ended is in cmd.ProcessState
	}()
	start := time.Now()
	for {
		select {
		case <-gone:
			if took := time.Since(start); took > 1500*time.Millisecond {
				t.Errorf("it took %s", took)
			}
			return
		default:
			_ = cmd.Process.Signal(syscall.SIGTERM) // the second may find the process gone
			runtime.Gosched()
		}
	}
}

// The host may die without closing our stdin: another process can hold its end.
func TestTheProcessLeavesWhenStdoutIsClosed(t *testing.T) {
	cmd := child(t.Context(), nil)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out.Close()
	fmt.Fprintln(in, `{"jsonrpc":"2.0","id":1,"method":"ping"}`)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_ = cmd.Wait() // how it ended is in cmd.ProcessState
	}()
	select {
	case <-gone:
		if code := cmd.ProcessState.ExitCode(); code != 1 {
			t.Errorf("exit code %d (%s), want 1", code, cmd.ProcessState)
		}
	case <-time.After(patience):
		_ = cmd.Process.Kill()
		t.Error("it is still there")
	}
}

const handshake = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}
{"jsonrpc":"2.0","method":"notifications/initialized"}
`

// printf '…' | server: the library cancels calls when it sees the end of input,
// and would lose the last answers.
func TestTheEndOfInputLosesNoAnswer(t *testing.T) {
	const calls = 20
	input := handshake
	for id := range calls {
		input += call(id+1, "nothing") + "\n"
	}
	input = strings.TrimSuffix(input, "\n") // a last line without line break counts too
	for i := range 100 {
		out := pipe(t, input)
		for id := range calls + 1 {
			if n := strings.Count(out, fmt.Sprintf(`"id":%d,"result"`, id)); n != 1 || strings.Contains(out, `"isError":true`) {
				t.Fatalf("run %d: %d answers to request %d in\n%s", i, n, id, out)
			}
		}
	}
}

func TestTheEndOfInputLetsCallsEnd(t *testing.T) {
	out := pipe(t, handshake+call(1, "pause"))
	if !strings.Contains(out, `"id":1,"result"`) || strings.Contains(out, `"isError":true`) {
		t.Errorf("got\n%s", out)
	}
}

// A call that is too slow still gets what can be said in time.
func TestTheEndOfInputAnswersSlowCalls(t *testing.T) {
	out := pipe(t, handshake+call(1, "wait")+"\n"+call(2, "ignore")+"\n")
	for id := range 3 {
		if !strings.Contains(out, fmt.Sprintf(`"id":%d,"result"`, id)) {
			t.Errorf("no answer to request %d in\n%s", id, out)
		}
	}
}

// pipe runs a server on an input and returns what it wrote to stdout.
func pipe(t *testing.T, input string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := child(ctx, nil)
	cmd.Stdin = strings.NewReader(input)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	return string(out)
}
