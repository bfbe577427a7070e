package tooltest

import (
	"log/slog"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"

	"payops-mcp/shared/env"
	"payops-mcp/shared/serve"
	"payops-mcp/shared/tool"
)

// NewWith serves resources in this process and connects to them. An answer has at
// most maxBytes and takes at most a second.
func NewWith(t testing.TB, maxBytes int, resources ...tool.Resource) *Client {
	t.Helper()
	app := serve.App{Name: "test", Common: &env.Common{CallTimeout: time.Second, MaxResultBytes: maxBytes}}
	c, err := client.NewInProcessClient(app.Server(nil, slog.New(slog.DiscardHandler), resources...))
	if err != nil {
		t.Fatal(err)
	}
	return start(t, c)
}

// Resources returns what resources/list and resources/templates/list show.
func (c *Client) Resources(t testing.TB) ([]mcp.Resource, []mcp.ResourceTemplate) {
	t.Helper()
	list, err := c.c.ListResources(t.Context(), mcp.ListResourcesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	templates, err := c.c.ListResourceTemplates(t.Context(), mcp.ListResourceTemplatesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return list.Resources, templates.ResourceTemplates
}

// Read reads a resource: its text and type.
func (c *Client) Read(t testing.TB, uri string) (text, mime string, err error) {
	t.Helper()
	var req mcp.ReadResourceRequest
	req.Params.URI = uri
	res, err := c.c.ReadResource(t.Context(), req)
	if err != nil {
		return "", "", err
	}
	for _, content := range res.Contents {
		if part, ok := content.(mcp.TextResourceContents); ok {
			text, mime = text+part.Text, part.MIMEType
		}
	}
	return text, mime, nil
}
