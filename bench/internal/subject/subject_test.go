package subject_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"payops-mcp/bench/internal/ends"
	"payops-mcp/bench/internal/programs"
	"payops-mcp/bench/internal/subject"
)

var floor string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "payops-bench-")
	if err == nil {
		var built map[string]string
		built, err = programs.Build(context.Background(), dir, "bench/floor")
		floor = built["floor"]
	}
	code := 1
	if err == nil {
		code = m.Run()
	} else {
		fmt.Fprintln(os.Stderr, err)
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

func start(t *testing.T, settings map[string]string) *subject.Process {
	t.Helper()
	p, took, err := subject.Start(t.Context(), floor, settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	if took <= 0 || took > time.Minute {
		t.Errorf("the start took %s", took)
	}
	return p
}

func TestACallIsAnsweredAndTimed(t *testing.T) {
	p := start(t, nil)
	begin := time.Now()
	a, err := p.Call(t.Context(), subject.Call{Tool: "ok"})
	if err != nil || a.IsError || a.Text != "ok" {
		t.Fatalf("got %+v, %v", a, err)
	}
	if a.Took <= 0 || a.Took > time.Since(begin) {
		t.Errorf("it took %s of %s", a.Took, time.Since(begin))
	}
	if _, err := p.Call(t.Context(), subject.Call{Tool: "no_such_tool"}); err == nil || !strings.Contains(err.Error(), "no_such_tool") {
		t.Errorf("an unknown tool gives %v", err)
	}
	n, list, err := p.Tools(t.Context())
	if err != nil || n != 2 || !strings.Contains(list, `"name":"get"`) {
		t.Errorf("%d tools in %s, %v", n, list, err)
	}
}

// Answers may come in any order, and each must reach who asked.
func TestAnswersFindTheirCalls(t *testing.T) {
	slow, err := ends.NewSlow(200 * time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	p := start(t, map[string]string{"FLOOR_GET_URL": slow.URL()})
	late, err := p.Send("tools/call", subject.Call{Tool: "get"})
	if err != nil {
		t.Fatal(err)
	}
	if a, err := p.Call(t.Context(), subject.Call{Tool: "ok"}); err != nil || a.Text != "ok" {
		t.Errorf("got %+v, %v", a, err)
	}
	if late.Answered() {
		t.Error("the slow call is answered before it can be")
	}
	result, took, err := late.Wait(t.Context())
	if err != nil || !strings.Contains(string(result), `"text":""`) || took < 200*time.Millisecond {
		t.Errorf("the slow call: %s after %s, %v", result, took, err)
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	hole, err := ends.NewBlackHole()
	if err != nil {
		t.Fatal(err)
	}
	defer hole.Close()
	p := start(t, map[string]string{"FLOOR_GET_URL": "http://" + hole.Addr()})
	enough := errors.New("enough")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Millisecond, enough)
	defer cancel()
	if _, err := p.Call(ctx, subject.Call{Tool: "get"}); !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
}

func TestTheEnd(t *testing.T) {
	p := start(t, nil)
	if took, err := p.End(); err != nil || took <= 0 {
		t.Errorf("it left after %s, %v", took, err)
	}
	if _, err := p.Call(t.Context(), subject.Call{Tool: "ok"}); err == nil {
		t.Error("a server that has left answers")
	}
}

func TestAProgramThatIsNoServer(t *testing.T) {
	if _, _, err := subject.Start(t.Context(), filepath.Join(t.TempDir(), "absent"), nil); err == nil {
		t.Error("an absent program starts")
	}
	program, err := exec.LookPath("go") // says how it is used, and ends
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := subject.Start(t.Context(), program, nil); err == nil {
		t.Error("a program that says nothing of MCP is taken for a server")
	}
}

func TestWhatItUses(t *testing.T) {
	p := start(t, nil)
	cpu, known := p.CPU()
	bytes, resident := p.Resident()
	if runtime.GOOS != "linux" {
		if known || resident {
			t.Errorf("known here: %s, %d bytes", cpu, bytes)
		}
		return
	}
	if !known || cpu <= 0 || cpu > time.Minute {
		t.Errorf("processor time %s, known %t", cpu, known)
	}
	if !resident || bytes < 1<<20 || bytes > 1<<30 {
		t.Errorf("%d bytes resident, known %t", bytes, resident)
	}
	for range 200 {
		if _, err := p.Call(t.Context(), subject.Call{Tool: "ok"}); err != nil {
			t.Fatal(err)
		}
	}
	if more, _ := p.CPU(); more <= cpu {
		t.Errorf("processor time %s after 200 calls, %s before", more, cpu)
	}
}
