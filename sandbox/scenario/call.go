package scenario

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"payops-mcp/sandbox/host"
	"payops-mcp/sandbox/incident"
)

// Servers are the servers that are connected, by the names of their programs.
type Servers map[string]*host.Server

// Call is a question, the tool call that it became, and the answer.
type Call struct {
	incident.Ask
	Answer host.Answer
	Took   time.Duration
}

// Ask calls a tool.
func (s Servers) Ask(ctx context.Context, a incident.Ask) (Call, error) {
	server, ok := s[a.Server]
	if !ok {
		return Call{Ask: a}, fmt.Errorf("%s is to be asked, and %s is not connected", a.Tool, a.Server)
	}
	if a.Args == nil {
		a.Args = map[string]any{}
	}
	begin := time.Now()
	answer, err := server.Call(ctx, a.Tool, a.Args)
	return Call{a, answer, time.Since(begin)}, err
}

// Said is the answer as far as it is judged.
func (c Call) Said() (incident.Said, error) { return c.Answer.Said(c.Server, c.Tool) }

// line is the call on one line: server, tool and arguments.
func (c Call) line() string { return fmt.Sprintf("%s %s %s", c.Server, c.Tool, compact(c.Args)) }

func compact(args any) string {
	text, err := json.Marshal(args)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Show writes the question, the call, and the answer as a model reads it.
func (c Call) Show(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\n? %s\n> %s\n", c.Question, c.line())
	for line := range strings.Lines(c.Answer.Text) {
		b.WriteString("  | " + line)
	}
	fmt.Fprintf(&b, "  (%d ms, about %d tokens)\n", c.Took.Milliseconds(), len(c.Answer.Text)/4)
	_, err := io.WriteString(w, b.String())
	return err
}
