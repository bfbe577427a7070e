package tool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// Resource is a document that a person attaches to a conversation. Some hosts show
// none of them and few models read them unasked: a tool must answer the same.
type Resource struct {
	URI         string // runbook://outbox; one with a {variable} stands for many
	Name        string
	Title       string
	Description string
	MIMEType    string

	// Read returns the document; vars holds what stood for the variables of the
	// URI. Text of a system under diagnosis in it must be made safe (foreign).
	Read func(ctx context.Context, vars map[string]string) (string, error)
}

// AddTo adds the resource to an MCP server. A declaration that no host could use
// panics.
func (r Resource) AddTo(s *server.MCPServer, limits Limits, log *slog.Logger) {
	if r.URI == "" || r.Name == "" || r.Title == "" || r.Description == "" || r.MIMEType == "" || r.Read == nil {
		panic("tool: the resource " + r.URI + " lacks one of URI, name, title, description, MIME type and Read")
	}
	read := func(ctx context.Context, req mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
		text, err := r.run(ctx, req, limits, log)
		if err != nil {
			return nil, err
		}
		return []mcp.ResourceContents{mcp.TextResourceContents{URI: req.Params.URI, MIMEType: r.MIMEType, Text: text}}, nil
	}
	if !strings.Contains(r.URI, "{") {
		s.AddResource(mcp.NewResource(r.URI, r.Name, mcp.WithResourceTitle(r.Title), mcp.WithResourceDescription(r.Description), mcp.WithMIMEType(r.MIMEType)), read)
		return
	}
	s.AddResourceTemplate(mcp.NewResourceTemplate(r.URI, r.Name, mcp.WithTemplateTitle(r.Title), mcp.WithTemplateDescription(r.Description), mcp.WithTemplateMIMEType(r.MIMEType)), read)
}

// run reads the document with a deadline. Unlike a tool's, its failure is one of
// the protocol: a resource has no other way to tell of it.
func (r Resource) run(ctx context.Context, req mcp.ReadResourceRequest, limits Limits, log *slog.Logger) (string, error) {
	id, start := calls.Add(1), time.Now()
	text, err := within(ctx, limits.Timeout, func(ctx context.Context) (string, error) { return r.Read(ctx, variables(req)) })
	f := logCall(ctx, log, slog.String("resource", r.Name), id, start, err)
	if f != nil {
		return "", errors.New(told(f, id))
	}
	return capped(text, limits.MaxBytes), nil
}

// variables are what stood in the URI for the variables of a template.
func variables(req mcp.ReadResourceRequest) map[string]string {
	vars := map[string]string{}
	for name, v := range req.Params.Arguments {
		switch v := v.(type) {
		case string:
			vars[name] = v
		case []string: // as the library passes them
			vars[name] = strings.Join(v, ",")
		}
	}
	return vars
}

// capped cuts a document after the last line that fits, and says so in it.
func capped(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	note := fmt.Sprintf("\n(cut: the document has %d bytes, an answer at most %d)\n", len(text), limit)
	head := text[:max(limit-len(note), 0)]
	if i := strings.LastIndexByte(head, '\n'); i > len(head)/2 {
		return head[:i] + note
	}
	return strings.ToValidUTF8(head, "") + note
}
