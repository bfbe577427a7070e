package protocol_test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"
)

const (
	// atOnce is more calls than the library has workers for by itself.
	atOnce = 32
	// callTimeout is the deadline that the servers get for a call.
	callTimeout = 5 * time.Second
	// promptly is how soon something that waits for no system is done.
	promptly = 2 * time.Second
	// heldBack is less than the end of input is held back for calls that run.
	heldBack = 1400 * time.Millisecond
	// endTimeout is how soon a server has ended: its own limit is 2 s.
	endTimeout = 3 * time.Second
)

// silent is the address of a system that takes connections and never answers,
// as one behind a firewall or in a full stop does.
func silent(t *testing.T) (host, port string) {
	t.Helper()
	// The kernel completes connections into the backlog; nobody accepts them.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return split(t, l)
}

// refusing is an address that nothing listens on.
func refusing(t *testing.T) (host, port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host, port = split(t, l)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return host, port
}

func split(t *testing.T, l net.Listener) (host, port string) {
	t.Helper()
	host, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return host, port
}

// onSilence starts a server whose every system is silent.
func onSilence(t *testing.T, s server, program string) *process {
	t.Helper()
	settings := append(s.settings(silent(t)), fmt.Sprintf("PAYOPS_CALL_TIMEOUT=%s", callTimeout))
	return start(t, program, settings...)
}

func (p *process) mustPing(id string) {
	p.t.Helper()
	p.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%q,"method":"ping"}`, id))
	if _, ok := p.await(id, promptly); !ok {
		p.t.Errorf("ping %q is not answered within %s", id, promptly)
	}
}

// start itself fails when initialize is late.
func TestInitializeWithEverySystemRefusing(t *testing.T) {
	each(t, func(t *testing.T, s server, program string) {
		p := start(t, program, s.settings(refusing(t))...)
		p.mustPing("ping")
	})
}

func TestManyCallsOnSilentSystems(t *testing.T) {
	each(t, func(t *testing.T, s server, program string) {
		p := onSilence(t, s, program)
		began := time.Now()
		for i := range atOnce {
			p.call(fmt.Sprint("call-", i), s)
		}
		p.mustPing("ping during calls")
		for i := range atOnce {
			a, ok := p.await(fmt.Sprint("call-", i), callTimeout+promptly-time.Since(began))
			if !ok {
				t.Fatalf("call %d of %d is not answered %s after its deadline of %s", i, atOnce, promptly, callTimeout)
			}
			if verdict := failed(t, a); verdict != "" {
				t.Fatalf("call %d: of a system that never answers the verdict is %s", i, verdict)
			}
		}
	})
}

// failed returns "" for an answer that says that it could not be found out: an
// error, or a source that failed and a verdict that is not ok. (That Redis hangs is
// a finding of its own.) Else it returns the verdict.
func failed(t *testing.T, a answer) (verdict string) {
	t.Helper()
	var result struct {
		IsError           bool
		StructuredContent struct {
			Verdict string
			Sources []struct{ OK bool }
		}
	}
	if err := json.Unmarshal(a.Result, &result); err != nil {
		t.Fatalf("%v in the result %s, error %s", err, a.Result, a.Error)
	}
	answer := result.StructuredContent
	sourceFailed := slices.ContainsFunc(answer.Sources, func(s struct{ OK bool }) bool { return !s.OK })
	if result.IsError || sourceFailed && answer.Verdict != "" && answer.Verdict != "ok" {
		return ""
	}
	return answer.Verdict + " with no source that failed, or ok"
}

// A cancelled call ends at once instead of at its deadline, and is not answered:
// its client no longer knows it.
func TestCancel(t *testing.T) {
	each(t, func(t *testing.T, s server, program string) {
		p := onSilence(t, s, program)
		p.call("cancelled", s)
		// Answered behind the call in the same stream, so the call is running or waits for a worker.
		p.mustPing("ping after the call")
		p.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"cancelled"}}`)
		p.mustPing("ping after the cancel")
		if err := p.stdin.Close(); err != nil {
			t.Fatal(err)
		}
		// The end of input waits for calls that still run.
		if code, ok := p.exit(heldBack); !ok || code != 0 {
			t.Errorf("after the end of input: exit code %d, ended in time %t; the call still runs %s after it was cancelled", code, ok, heldBack)
		}
		if a, ok := p.await("cancelled", promptly); ok {
			t.Errorf("a cancelled call was answered: %+v", a)
		}
	})
}

func TestEndOfInputDuringCalls(t *testing.T) {
	each(t, func(t *testing.T, s server, program string) {
		p := onSilence(t, s, program)
		p.call("left behind", s)
		p.mustPing("ping after the call")
		if err := p.stdin.Close(); err != nil {
			t.Fatal(err)
		}
		if code, ok := p.exit(endTimeout); !ok || code != 0 {
			t.Errorf("after the end of input: exit code %d, ended in time %t; want 0 within %s", code, ok, endTimeout)
		}
	})
}

func TestInterruptDuringCalls(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no signal that a parent can send")
	}
	each(t, func(t *testing.T, s server, program string) {
		p := onSilence(t, s, program)
		p.call("left behind", s)
		p.mustPing("ping after the call")
		if err := p.command.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if code, ok := p.exit(endTimeout); !ok || code != 0 {
			t.Errorf("after an interrupt: exit code %d, ended in time %t; want 0 within %s", code, ok, endTimeout)
		}
	})
}
