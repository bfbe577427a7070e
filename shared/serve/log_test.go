package serve_test

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// One line a call goes to stderr, without arguments and answers; what libraries
// print goes there too, for stdout carries nothing but JSON-RPC (peer looks at
// every line of it).
func TestTheLog(t *testing.T) {
	p := start(t)
	p.initialize("2025-11-25")
	p.send(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"run_test","arguments":{"text":"4242-private"}}}`,
		`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"run_test","arguments":{"do":3,"text":"4242-private"}}}`,
		call(3, "print"))
	for id := range 3 {
		p.answer(id + 1)
	}
	p.awaitLog("level=INFO", "msg=call", "tool=run_test", "call=", "took=", "fault=invalid")
	p.awaitLog("printed to stdout")
	p.awaitLog("logged by a library")
	if log := p.stderr.String(); strings.Contains(log, "private") {
		t.Errorf("arguments are in the log:\n%s", log)
	}
}

// A host that does not read stderr must not bring the server to a halt once the
// pipe between them is full.
func TestAHostThatDoesNotReadTheLog(t *testing.T) {
	cmd := child(t.Context(), nil)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	unread, stderr, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer unread.Close()
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stderr.Close()
	const calls = 5000
	go func() {
		for i := range calls {
			fmt.Fprintln(in, call(i, "nothing"))
		}
		in.Close()
	}()
	read := make(chan int, 1)
	go func() {
		answers, _ := io.ReadAll(out)
		read <- strings.Count(string(answers), "\n")
	}()
	select {
	case n := <-read:
		if n != calls {
			t.Errorf("%d answers to %d calls", n, calls)
		}
	case <-time.After(3 * patience):
		_ = cmd.Process.Kill()
		t.Error("the server stands still")
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// A host may close its end of stderr; that is no reason to die.
func TestAHostThatClosesTheLog(t *testing.T) {
	cmd := child(t.Context(), nil)
	cmd.Stdin = strings.NewReader(strings.Repeat(call(1, "nothing")+"\n", 50))
	closed, stderr, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	cmd.Stderr = stderr
	out, err := cmd.Output()
	stderr.Close()
	if err != nil {
		t.Error(err)
	}
	if n := strings.Count(string(out), "\n"); n != 50 {
		t.Errorf("%d answers to 50 calls", n)
	}
}
