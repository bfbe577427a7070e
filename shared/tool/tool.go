// Package tool turns one typed function into one MCP tool: schema, defaults,
// validation, deadline, panic and error handling, size cap, log line, and the
// same facts in text and in structured form.
//
// The fields of a tool's In say all there is to know about its arguments:
//
//	Limit int `json:"limit,omitempty" jsonschema:"payments to list" default:"10" min:"1" max:"200"`
//
// A field without omitempty is required. Tags: default, enum (comma list, for text
// and lists of text), min, max (of a number, or of the length of text or a list).
package tool

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"payops-mcp/shared/report"
)

// Spec is what a host shows of a tool. Description says in three sentences or
// fewer what the tool answers, when to reach for it and what it cannot see.
type Spec struct {
	Name        string // snake_case, verb first
	Title       string
	Description string
	Examples    []string // arguments as JSON; each is sent by a test and shown in the documentation
}

// Limits are what the configuration allows one call.
type Limits struct {
	Timeout  time.Duration // deadline of a call
	MaxBytes int           // cap on each form of an answer
}

// Tool is a declared tool, ready to be served.
type Tool struct {
	Spec    Spec
	schema  schema
	changes bool
	call    func(ctx context.Context, args []byte, maxBytes int) (rendered, error)
}

// rendered is an answer in both of its forms, and its pictures.
type rendered struct {
	text       string
	structured []byte
	pictures   []report.Picture
}

var validName = regexp.MustCompile(`^[a-z]+(_[a-z0-9]+)+$`)

// Hosts drop or cut what is longer.
const (
	maxName        = 64
	maxDescription = 1024
	maxSchema      = 16 << 10
)

// Read declares a tool that changes nothing. A declaration that no host could
// use panics, so that every test of the server fails on it.
func Read[In, D any](spec Spec, handle func(context.Context, In) (report.Answer[D], error)) Tool {
	switch {
	case !validName.MatchString(spec.Name) || len(spec.Name) > maxName:
		panic(fmt.Sprintf("tool: name %q is not snake_case of at most %d characters", spec.Name, maxName))
	case spec.Title == "":
		panic("tool: " + spec.Name + " has no title")
	case spec.Description == "" || len(spec.Description) > maxDescription:
		panic(fmt.Sprintf("tool: %s has a description of %d bytes, want 1 to %d", spec.Name, len(spec.Description), maxDescription))
	}
	s := schemaOf[In](spec.Name)
	return Tool{Spec: spec, schema: s, call: func(ctx context.Context, args []byte, maxBytes int) (r rendered, err error) {
		var in In
		if err := s.bind(args, &in); err != nil {
			return r, err
		}
		a, err := handle(ctx, in)
		if err != nil {
			return r, err
		}
		r.text, r.structured = a.Render(maxBytes)
		r.pictures = a.Pictures
		return r, nil
	}}
}

// Change declares a tool that changes something. Hosts are told that it destroys,
// and that a person must agree to each call.
func Change[In, D any](spec Spec, handle func(context.Context, In) (report.Answer[D], error)) Tool {
	t := Read(spec, handle)
	t.changes = true
	return t
}

// InputSchema returns the JSON Schema of the arguments.
func (t Tool) InputSchema() json.RawMessage { return t.schema.json }

// definition is the tool as tools/list shows it.
func (t Tool) definition() mcp.Tool {
	reads, changes, outside := !t.changes, t.changes, false
	d := mcp.Tool{
		Name: t.Spec.Name, Title: t.Spec.Title, Description: t.Spec.Description, RawInputSchema: t.schema.json,
		// Nothing outside of the systems that the operator configured is reached.
		Annotations: mcp.ToolAnnotation{ReadOnlyHint: &reads, DestructiveHint: &changes, IdempotentHint: &reads, OpenWorldHint: &outside},
	}
	if t.changes {
		d.Meta = &mcp.Meta{AdditionalFields: map[string]any{"anthropic/requiresUserInteraction": true}}
	}
	return d
}

// Serve returns the tool in the form that an MCP server takes.
func (t Tool) Serve(limits Limits, log *slog.Logger) server.ServerTool {
	return server.ServerTool{Tool: t.definition(), Handler: func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return t.run(withCaller(withProgress(ctx, req), req), arguments(req), limits, log), nil
	}}
}

// Accepts reports whether the arguments (JSON) fit the tool's schema.
func (t Tool) Accepts(args string) error {
	_, err := t.schema.judge([]byte(args))
	return err
}
