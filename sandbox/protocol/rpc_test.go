package protocol_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"
)

// initializeTimeout is generous: Claude Desktop on Windows gives up at 5 s.
const initializeTimeout = 2 * time.Second

// process is a server spoken to in raw lines of JSON-RPC.
type process struct {
	t       *testing.T
	command *exec.Cmd
	stdin   io.WriteCloser
	answers chan answer   // closed when stdout has ended
	ended   chan struct{} // closed when the process has
	early   map[string]answer
}

type answer struct {
	JSONRPC string
	ID      string // all requests of these tests have strings
	Result  json.RawMessage
	Error   json.RawMessage
}

// start starts a server with settings and nothing else of the test's environment
// but what a process needs to run, and waits for its answer to initialize.
func start(t *testing.T, program string, settings ...string) *process {
	t.Helper()
	command := exec.CommandContext(t.Context(), program)
	command.Env = settings
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "TEMP", "SYSTEMROOT"} {
		if value, set := os.LookupEnv(name); set {
			command.Env = append(command.Env, name+"="+value)
		}
	}
	command.WaitDelay = time.Second
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, command: command, stdin: stdin, answers: make(chan answer), ended: make(chan struct{}), early: map[string]answer{}}
	go p.read(stdout)
	t.Cleanup(func() {
		_ = command.Process.Kill() // ended already in a test that went well
		for range p.answers {
		}
		<-p.ended
	})

	p.send(`{"jsonrpc":"2.0","id":"init","method":"initialize","params":{"protocolVersion":"` + legacy +
		`","capabilities":{},"clientInfo":{"name":"protocol-test","version":"1"}}}`)
	if a, ok := p.await("init", initializeTimeout); !ok || a.Result == nil {
		t.Fatalf("no result of initialize within %s, but %+v", initializeTimeout, a)
	}
	p.send(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	return p
}

// read hands on the lines of stdout, and then waits for the process.
func (p *process) read(stdout io.Reader) {
	defer close(p.ended)
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var a answer
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil || a.JSONRPC != "2.0" {
			p.t.Errorf("stdout has a line that is not JSON-RPC: %.200q", lines.Text())
			continue
		}
		p.answers <- a
	}
	close(p.answers)
	_ = p.command.Wait() // the exit code is read from the process's state
}

func (p *process) send(line string) {
	p.t.Helper()
	if _, err := io.WriteString(p.stdin, line+"\n"); err != nil {
		p.t.Fatal(err)
	}
}

// call sends a tools/call.
func (p *process) call(id string, s server) {
	p.t.Helper()
	p.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%q,"method":"tools/call","params":{"name":%q,"arguments":%s}}`, id, s.tool, s.arguments))
}

// await returns the answer to a request; false when it does not come in time.
// Answers to others are kept for their own await.
func (p *process) await(id string, timeout time.Duration) (answer, bool) {
	deadline := time.After(timeout)
	for {
		if a, ok := p.early[id]; ok {
			return a, true
		}
		select {
		case a, open := <-p.answers:
			if !open {
				return answer{}, false
			}
			p.early[a.ID] = a
		case <-deadline:
			return answer{}, false
		}
	}
}

// tools returns the names of the tools, sorted.
func (p *process) tools() []string {
	p.t.Helper()
	p.send(`{"jsonrpc":"2.0","id":"list","method":"tools/list"}`)
	a, _ := p.await("list", initializeTimeout)
	var list struct{ Tools []struct{ Name string } }
	if err := json.Unmarshal(a.Result, &list); err != nil {
		p.t.Fatalf("tools/list: %v in %s", err, a.Result)
	}
	names := make([]string, len(list.Tools))
	for i, tool := range list.Tools {
		names[i] = tool.Name
	}
	slices.Sort(names)
	return names
}

// exit returns the exit code, -1 after a signal; false when the process is
// still running after timeout.
func (p *process) exit(timeout time.Duration) (int, bool) {
	deadline := time.After(timeout)
	answers := p.answers
	for {
		select {
		case <-p.ended:
			return p.command.ProcessState.ExitCode(), true
		case a, open := <-answers:
			if !open {
				answers = nil // stdout has ended, the process is about to
				continue
			}
			p.early[a.ID] = a
		case <-deadline:
			return 0, false
		}
	}
}
