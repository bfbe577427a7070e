// Package host speaks MCP to a built server as a host such as Claude Desktop
// does: it starts the program as a child process, and asks over its stdin and
// stdout.
package host

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"payops-mcp/sandbox/incident"
	"payops-mcp/shared/catalog"
)

// Server is a running server.
type Server struct {
	name   string
	pid    int
	client *client.Client
}

// Start starts a program with settings; nothing else of the environment but what
// a process needs to run reaches it.
func Start(ctx context.Context, name, program string, settings map[string]string) (*Server, error) {
	var environ []string
	for _, k := range []string{"PATH", "HOME", "SYSTEMROOT", "TEMP", "TMPDIR"} {
		if v := os.Getenv(k); v != "" {
			environ = append(environ, k+"="+v)
		}
	}
	for k, v := range settings {
		environ = append(environ, k+"="+v)
	}
	var child *exec.Cmd
	// Without a command of our own the whole environment would be passed on.
	command := func(ctx context.Context, program string, environ, args []string) (*exec.Cmd, error) {
		child = exec.CommandContext(ctx, program, args...)
		child.Env = environ
		return child, nil
	}
	c, err := client.NewStdioMCPClientWithOptions(program, environ, nil, transport.WithCommandFunc(command))
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	var hello mcp.InitializeRequest
	hello.Params.ProtocolVersion = mcp.LATEST_PROTOCOL_VERSION
	hello.Params.ClientInfo = mcp.Implementation{Name: "payops-sandbox", Version: "1"}
	if _, err := c.Initialize(ctx, hello); err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("initialize %s: %w", name, err)
	}
	return &Server{name, child.Process.Pid, c}, nil
}

// PID is the process id of the program.
func (s *Server) PID() int { return s.pid }

// Close ends the server.
func (s *Server) Close() error { return s.client.Close() }

// Tool is what a server lists of a tool.
type Tool struct {
	Name, Description string
	// Arguments are the JSON types of the arguments, by name.
	Arguments map[string]string
	Required  []string
}

// Tools lists the tools.
func (s *Server) Tools(ctx context.Context) ([]Tool, error) {
	list, err := s.client.ListTools(ctx, mcp.ListToolsRequest{})
	if err != nil {
		return nil, fmt.Errorf("%s tools/list: %w", s.name, err)
	}
	var tools []Tool
	for _, t := range list.Tools {
		tool := Tool{Name: t.Name, Description: t.Description, Arguments: map[string]string{}, Required: t.InputSchema.Required}
		for name, schema := range t.InputSchema.Properties {
			if of, ok := schema.(map[string]any); ok {
				tool.Arguments[name], _ = of["type"].(string)
			}
		}
		tools = append(tools, tool)
	}
	return tools, nil
}

// Answer is what a tool said.
type Answer struct {
	Text       string
	IsError    bool
	Structured json.RawMessage // nil when the call failed
}

// Call calls a tool.
func (s *Server) Call(ctx context.Context, tool string, args map[string]any) (Answer, error) {
	var req mcp.CallToolRequest
	req.Params.Name, req.Params.Arguments = tool, args
	res, err := s.client.CallTool(ctx, req)
	if err != nil {
		return Answer{}, fmt.Errorf("%s %s: %w", s.name, tool, err)
	}
	a := Answer{IsError: res.IsError}
	for _, c := range res.Content {
		if text, ok := c.(mcp.TextContent); ok {
			a.Text += text.Text
		}
	}
	if res.StructuredContent != nil {
		if a.Structured, err = json.Marshal(res.StructuredContent); err != nil {
			return a, err
		}
	}
	return a, nil
}

// Said reads an answer as far as it is judged. Both forms must carry the same
// findings; a text that lacks one is an error.
func (a Answer) Said(server, tool string) (incident.Said, error) {
	s := incident.Said{Server: strings.TrimSuffix(server, "-mcp"), Tool: tool, IsError: a.IsError, Text: a.Text}
	if a.IsError {
		return s, nil
	}
	var whole struct {
		Verdict  catalog.Verdict `json:"verdict"`
		Findings []struct {
			Code     catalog.Code     `json:"code"`
			Kind     catalog.Kind     `json:"kind"`
			Severity catalog.Severity `json:"severity"`
			Next     []string         `json:"next_steps"`
			Confirm  string           `json:"confirm_with"`
		} `json:"findings"`
		Sources []struct {
			Name string `json:"name"`
			OK   bool   `json:"ok"`
			Next string `json:"next"`
		} `json:"sources"`
	}
	if err := json.Unmarshal(a.Structured, &whole); err != nil {
		return s, fmt.Errorf("%s: structured answer: %w", tool, err)
	}
	s.Verdict = whole.Verdict
	if want := "verdict: " + string(whole.Verdict); !strings.Contains(a.Text, want) {
		return s, fmt.Errorf("%s: the text does not say %q as the structure does:\n%s", tool, want, a.Text)
	}
	for _, f := range whole.Findings {
		if !strings.Contains(a.Text, string(f.Code)) {
			return s, fmt.Errorf("%s: the structure reports %s and the text does not:\n%s", tool, f.Code, a.Text)
		}
		s.Findings = append(s.Findings, incident.Finding{Code: f.Code, Kind: f.Kind, Severity: f.Severity, Steps: f.Next, Confirm: f.Confirm})
	}
	for _, source := range whole.Sources {
		if !source.OK {
			s.Missing = append(s.Missing, source.Name)
		}
		if source.Next != "" {
			s.Advice++
		}
	}
	return s, nil
}
