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
type Answering func(question string) Reply

// Reply is an answer of a person: accept with what was filled in, decline or cancel.
type Reply struct {
	Action string
	Form   map[string]any
}

// The replies to a yes or no.
var (
	Agree   = Reply{Action: "accept", Form: map[string]any{"confirm": true}}
	Decline = Reply{Action: "decline"}
	Close   = Reply{Action: "cancel"}
)

// Elicit answers a question.
func (a Answering) Elicit(_ context.Context, r mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	said := a(r.Params.Message)
	result := &mcp.ElicitationResult{ElicitationResponse: mcp.ElicitationResponse{Action: mcp.ElicitationResponseAction(said.Action)}}
	if said.Form != nil {
		result.Content = said.Form
	}
	return result, nil
}

// ConnectAnswering is Connect with a client that can ask a person.
func ConnectAnswering(t testing.TB, app serve.App, answer Answering, tools ...tool.Tool) *Client {
	t.Helper()
	s := app.Server(tools, slog.New(slog.DiscardHandler))
	in := transport.NewInProcessTransportWithOptions(s, transport.WithElicitationHandler(answer))
	return start(t, client.NewClient(in, client.WithElicitationHandler(answer)))
}
