package tooltest

import (
	"context"
	"log/slog"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"payops-mcp/shared/serve"
	"payops-mcp/shared/tool"
)

// Answering is what a person says to a question of a tool.
type Answering func(question string) mcp.ElicitationResponse

// Elicit answers a question.
func (a Answering) Elicit(_ context.Context, r mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	return &mcp.ElicitationResult{ElicitationResponse: a(r.Params.Message)}, nil
}

// ConnectAnswering is Connect with a client that can ask a person.
func ConnectAnswering(t testing.TB, app serve.App, answer Answering, tools ...tool.Tool) *Client {
	t.Helper()
	s := app.Server(tools, slog.New(slog.DiscardHandler))
	in := transport.NewInProcessTransportWithOptions(s, transport.WithElicitationHandler(answer))
	return start(t, client.NewClient(in, client.WithElicitationHandler(answer)))
}
