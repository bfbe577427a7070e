package serve_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

func cancelled(id string) string {
	return `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":` + id + `,"reason":"test"}}`
}

// With the library's pool of five, the fast call would wait for a slow one.
func TestAFastCallDoesNotWaitForSlowOnes(t *testing.T) {
	p := start(t)
	p.initialize("2025-11-25")
	for i := range 8 {
		p.send(call(i, "wait"))
	}
	start := time.Now()
	p.send(call("fast", "nothing"))
	if m := p.answer("fast"); m.isError() {
		t.Error(m.line)
	}
	if took := time.Since(start); took > 5*time.Second { // the slow ones take 20 s
		t.Errorf("it took %s", took)
	}
	for i := range 8 {
		if p.answered(fmt.Sprint(i)) != 0 {
			t.Errorf("slow call %d is answered", i)
		}
	}
}

// With the library's queue of a hundred, the rest would run inside of its read
// loop, and ping and cancel would stall.
func TestManyCallsAtOnce(t *testing.T) {
	for _, n := range []int{32, 200} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			p := start(t, "PAYOPS_CALL_TIMEOUT=2s")
			p.initialize("2025-11-25")
			var lines []string
			for i := range n {
				lines = append(lines, call(i, "wait"))
			}
			p.send(append(lines, `{"jsonrpc":"2.0","id":"ping","method":"ping"}`)...)
			p.answer("ping")
			for i := range n {
				if p.answered(fmt.Sprint(i)) != 0 {
					t.Fatalf("call %d, which takes 2 s, was answered before ping", i)
				}
			}
			for i := range n {
				if m := p.answer(i); !m.isError() || !strings.HasPrefix(m.text(), "unavailable: ") {
					t.Fatalf("call %d: %s", i, m.line)
				}
			}
			for i := range n {
				if got := p.answered(fmt.Sprint(i)); got != 1 {
					t.Errorf("call %d has %d answers", i, got)
				}
			}
		})
	}
}

// A client no longer knows a request that it cancelled, and complains of an answer.
func TestARunningCallIsCancelled(t *testing.T) {
	p := start(t)
	p.initialize("2025-11-25")
	for n, id := range []string{`7`, `"seven"`} {
		p.send(call(json.RawMessage(id), "wait"))
		p.awaitLog(fmt.Sprintf("waiting=%d.", n+1))
		p.send(cancelled(id))
		p.awaitLog("tool=run_test", "fault=unavailable", fmt.Sprintf("call=%d", n+1))
		p.awaitPong()
		if p.answered(id) != 0 {
			t.Errorf("cancelled call %s was answered", id)
		}
	}
}

// The library knows only of calls that run: cancelling one that waits for a worker
// is lost on it, and the call would run to its end.
func TestAQueuedCallIsCancelled(t *testing.T) {
	const workers = 64
	p := start(t)
	p.initialize("2025-11-25")
	for i := range workers {
		p.send(call(i, "wait"))
	}
	p.awaitLog(fmt.Sprintf("waiting=%d.", workers))
	p.send(call("queued", "nothing"), cancelled(`"queued"`))
	p.awaitPong()
	for i := range workers {
		p.send(cancelled(fmt.Sprint(i)))
	}
	p.send(call("last", "nothing"))
	if got := p.answer("last").data(t).Begun; got != workers+1 {
		t.Errorf("%d calls have begun, want the %d slow ones and the last", got, workers)
	}
	if p.answered(`"queued"`) != 0 {
		t.Error("a cancelled call was answered")
	}
}

func TestCancellingWhatIsOverOrUnknownDoesNothing(t *testing.T) {
	p := start(t)
	p.initialize("2025-11-25")
	p.send(call(1, "nothing"))
	p.answer(1)
	p.send(cancelled("1"), cancelled("99"), cancelled("null"), cancelled(`{}`), call(1, "nothing"))
	p.await("a second answer to 1", func(got []message) bool {
		n := 0
		for _, m := range got {
			if string(m.ID) == "1" {
				n++
			}
		}
		return n == 2
	})
}

// A model reads a tool's error and can do something about it; a protocol error it
// may never see. Nothing of the inside gets out.
func TestFailuresAreAnswersMarkedAsErrors(t *testing.T) {
	p := start(t)
	p.initialize("2025-11-25")
	p.send(call(1, "panic"), call(2, "nan"),
		`{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"run_test","arguments":{"limt":1}}}`,
		`{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"run_test","arguments":[1]}}`,
		`{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"run_test","arguments":null}}`,
		`{"jsonrpc":"2.0","id":6,"method":"tools/call","params":{"name":"run_test"}}`,
		`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"no_such_tool"}}`,
		`{"jsonrpc":"2.0","id":8,"method":"no/such/method"}`,
		`{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"run_test","arguments":{"text":"<b> & </b>"}}}`)
	for id, want := range map[int]string{1: "internal: ", 3: `invalid: unknown argument "limt"`, 4: "invalid: the arguments are no JSON object"} {
		if m := p.answer(id); m.Error != nil || !m.isError() || !strings.HasPrefix(m.text(), want) || strings.Contains(m.line, "hunter2") || strings.Contains(m.line, ".go:") {
			t.Errorf("%d: got %s, want %s", id, m.line, want)
		}
	}
	for _, id := range []int{2, 5, 6, 9} {
		if m := p.answer(id); m.Error != nil || m.isError() {
			t.Errorf("%d: %s", id, m.line)
		}
	}
	if m := p.answer(2); !strings.Contains(m.line, `"rate":null`) {
		t.Errorf("NaN: %s", m.line)
	}
	if m := p.answer(9); !strings.Contains(m.text(), `text: "<b> & </b>"`) {
		t.Errorf("the text is escaped: %s", m.text())
	}
	for id, code := range map[int]int{7: -32602, 8: -32601} {
		if m := p.answer(id); m.Error == nil || m.Error.Code != code {
			t.Errorf("%d: %s", id, m.line)
		}
	}
	p.awaitLog("level=ERROR", "hunter2") // whole to the operator
}

// Calls leave nothing behind.
func TestNoGoroutineIsLeftAfterAThousandCalls(t *testing.T) {
	p := start(t, "PAYOPS_CALL_TIMEOUT=100ms")
	p.initialize("2025-11-25")
	many := func(from, n int) {
		for i := from; i < from+n; i++ {
			do := []string{"nothing", "wait", "panic", "nan"}[i%4]
			p.send(call(i, do))
		}
		for i := from; i < from+n; i++ {
			p.answer(i)
		}
	}
	count := func(id string) int {
		p.send(call(id, "goroutines"))
		return p.answer(id).data(t).Goroutines
	}
	many(0, 100)
	before := count("before")
	many(1000, 1000)
	// The last calls may be on their way out still.
	deadline := time.Now().Add(patience)
	for i := 0; ; i++ {
		after := count(fmt.Sprint("after ", i))
		if after <= before+2 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", after, before)
		}
	}
}
