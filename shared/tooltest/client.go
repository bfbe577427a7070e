// Package tooltest is what tests of servers share: an MCP client, goldens of
// what a client sees, and the conventions that every tool keeps.
package tooltest

import (
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"

	"payops-mcp/shared/env"
	"payops-mcp/shared/report"
	"payops-mcp/shared/serve"
	"payops-mcp/shared/tool"
)

// Result is what a client got for a call.
type Result struct {
	Text       string
	IsError    bool
	Structured json.RawMessage // nil when the call failed
	Pictures   []report.Picture
}

// Answer is the part of a structured answer that is the same for every tool; D
// is the type of its data.
type Answer[D any] struct {
	Summary  string   `json:"summary"`
	Verdict  string   `json:"verdict"`
	Because  string   `json:"verdict_because"`
	RuledOut []string `json:"ruled_out"`
	Findings []struct {
		Code     string `json:"code"`
		Severity string `json:"severity"`
		Kind     string `json:"kind"`
		Claim    string `json:"claim"`
		Evidence []struct {
			Source, Asked, Value string
			At                   time.Time
		} `json:"evidence"`
		Blast       string   `json:"blast_radius"`
		NextSteps   []string `json:"next_steps"`
		ConfirmWith string   `json:"confirm_with"`
		Runbook     string   `json:"runbook"`
	} `json:"findings"`
	Sources []struct {
		Name  string  `json:"name"`
		OK    bool    `json:"ok"`
		Took  float64 `json:"took_ms"`
		Asked string  `json:"asked"`
		Error string  `json:"error"`
		Said  string  `json:"said"`
		Next  string  `json:"next"`
	} `json:"sources"`
	Coverage struct {
		Window    string   `json:"window"`
		Looked    []string `json:"looked"`
		NotLooked []string `json:"not_looked"`
		Truncated bool     `json:"truncated"`
		More      string   `json:"more"`
		Cursor    string   `json:"cursor"`
	} `json:"coverage"`
	Data   D         `json:"data"`
	AsOf   time.Time `json:"as_of"`
	Notice string    `json:"notice"`
}

// Codes lists the codes of the findings, in order.
func (a Answer[D]) Codes() []string {
	codes := make([]string, len(a.Findings))
	for i, f := range a.Findings {
		codes[i] = f.Code
	}
	return codes
}

// Decode reads the structured form of an answer.
func Decode[D any](t testing.TB, r Result) Answer[D] {
	t.Helper()
	var a Answer[D]
	if r.IsError || r.Structured == nil {
		t.Fatalf("the call failed: %s", r.Text)
	}
	if err := json.Unmarshal(r.Structured, &a); err != nil {
		t.Fatalf("structured answer: %v\n%s", err, r.Structured)
	}
	return a
}

// Client speaks MCP to tools in this process.
type Client struct{ c *client.Client }

// New serves tools in this process and connects to them.
func New(t testing.TB, tools ...tool.Tool) *Client {
	t.Helper()
	return Connect(t, serve.App{Name: "test", Common: &env.Common{CallTimeout: 10 * time.Second, MaxResultBytes: 60000}}, tools...)
}

// Connect serves tools as app in this process and connects to them.
func Connect(t testing.TB, app serve.App, tools ...tool.Tool) *Client {
	t.Helper()
	c, err := client.NewInProcessClient(app.Server(tools, slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	return start(t, c)
}

func start(t testing.TB, c *client.Client) *Client {
	t.Helper()
	t.Cleanup(func() { _ = c.Close() }) // a dead child has told its story elsewhere
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	var init mcp.InitializeRequest
	init.Params.ProtocolVersion = mcp.LATEST_PROTOCOL_VERSION
	init.Params.ClientInfo = mcp.Implementation{Name: "tooltest", Version: "1"}
	if _, err := c.Initialize(t.Context(), init); err != nil {
		t.Fatal(err)
	}
	return &Client{c}
}

// Call calls a tool. args is a JSON object or anything that encodes to one.
func (c *Client) Call(t testing.TB, name string, args any) Result {
	t.Helper()
	var req mcp.CallToolRequest
	req.Params.Name = name
	req.Params.Arguments = args
	if s, ok := args.(string); ok {
		req.Params.Arguments = json.RawMessage(s)
	}
	res, err := c.c.CallTool(t.Context(), req)
	if err != nil {
		t.Fatalf("%s answered with a protocol error: %v", name, err)
	}
	r := Result{IsError: res.IsError}
	for _, content := range res.Content {
		switch c := content.(type) {
		case mcp.TextContent:
			r.Text += c.Text
		case mcp.ImageContent:
			data, err := base64.StdEncoding.DecodeString(c.Data)
			if err != nil {
				t.Fatalf("%s answered with an image that is no base64: %v", name, err)
			}
			r.Pictures = append(r.Pictures, report.Picture{MIME: c.MIMEType, Data: data})
		}
	}
	if res.StructuredContent != nil {
		if r.Structured, err = json.Marshal(res.StructuredContent); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// List returns what tools/list shows.
func (c *Client) List(t testing.TB) []mcp.Tool {
	t.Helper()
	res, err := c.c.ListTools(t.Context(), mcp.ListToolsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return res.Tools
}
