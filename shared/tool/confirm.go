package tool

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"payops-mcp/shared/foreign"
)

// Consent is what the person in front of the client said to a question.
type Consent string

// The answers to Confirm.
const (
	NotAsked Consent = "not_asked" // the client has no way to ask
	Agreed   Consent = "agreed"
	Declined Consent = "declined" // or closed the question
)

// caller is who made a call, and what it has answered for the person before it.
type caller struct {
	name    string
	canAsk  bool
	answers mcp.InputResponses
	state   string // of the question that the answers are to
}

type callerKey struct{}

func withCaller(ctx context.Context, req mcp.CallToolRequest) context.Context {
	c := caller{answers: req.Params.InputResponses, state: req.Params.RequestState}
	var can *mcp.ElicitationCapability
	if info := server.RequestProtocolInfoFromContext(ctx); info != nil && info.Modern {
		if info.ClientCapabilities != nil {
			can = info.ClientCapabilities.Elicitation
		}
		if info.ClientInfo != nil {
			c.name = info.ClientInfo.Name + " " + info.ClientInfo.Version
		}
	} else if s, ok := server.ClientSessionFromContext(ctx).(server.SessionWithClientInfo); ok {
		can = s.GetClientCapabilities().Elicitation
		c.name = s.GetClientInfo().Name + " " + s.GetClientInfo().Version
	}
	// One that names the modes it has must name the form; none named is the form.
	c.canAsk = can != nil && (can.Form != nil || can.URL == nil)
	return context.WithValue(ctx, callerKey{}, c)
}

// Client names the program that made a call, as it names itself; empty when it
// does not.
func Client(ctx context.Context) foreign.Text {
	c, _ := ctx.Value(callerKey{}).(caller)
	return foreign.Text(c.name)
}

// confirmKey makes the state of a question one that only this process can have
// given out.
var confirmKey = []byte(rand.Text())

const confirmID = "confirm"

// Confirm puts a yes or no to the person in front of the client, where the client
// declares that it can ask. The error that it returns then is no failure: the
// handler returns it as it is, and is called again with the answer, for which it
// calls Confirm again with the same words. An answer counts for the same about
// only. The time that a person takes is not part of the call's deadline.
func Confirm(ctx context.Context, about, question, yes string) (Consent, error) {
	c, _ := ctx.Value(callerKey{}).(caller)
	if !c.canAsk {
		return NotAsked, nil
	}
	mac := hmac.New(sha256.New, confirmKey)
	mac.Write([]byte(about))
	state := hex.EncodeToString(mac.Sum(nil))
	answer := server.ElicitationResponse(c.answers, confirmID)
	if answer == nil || !hmac.Equal([]byte(state), []byte(c.state)) {
		return "", &questionError{state: state, question: question, yes: yes}
	}
	form, _ := answer.Content.(map[string]any)
	if answer.Action == mcp.ElicitationResponseActionAccept && form[confirmID] == true {
		return Agreed, nil
	}
	return Declined, nil
}

// questionError leaves a handler that needs an answer first.
type questionError struct{ state, question, yes string }

func (*questionError) Error() string { return "a question to the person comes first" }

// result is the question in the form that the library takes, in either era of the
// protocol.
func (q *questionError) result() *mcp.CallToolResult {
	return server.NewInputRequestBuilder(q.state).Elicit(confirmID, mcp.ElicitationParams{
		Message: q.question,
		RequestedSchema: map[string]any{
			"type":       "object",
			"properties": map[string]any{confirmID: map[string]any{"type": "boolean", "title": q.yes, "default": false}},
			"required":   []string{confirmID},
		},
	}).ToolResult()
}
