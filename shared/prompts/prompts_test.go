package prompts_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"payops-mcp/shared/prompts"
)

func connect(t *testing.T) *client.Client {
	t.Helper()
	s := server.NewMCPServer("test", "1", server.WithPromptCapabilities(false), server.WithCompletions(), server.WithPromptCompletionProvider(prompts.All()))
	for _, p := range prompts.All() {
		p.AddTo(s)
	}
	c, err := client.NewInProcessClient(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := c.Initialize(t.Context(), mcp.InitializeRequest{}); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEachInvestigation(t *testing.T) {
	c := connect(t)
	listed, err := c.ListPrompts(t.Context(), mcp.ListPromptsRequest{})
	if err != nil || len(listed.Prompts) != 4 {
		t.Fatalf("%+v, %v", listed, err)
	}
	for name, x := range map[string]struct {
		prompt string
		args   map[string]string
		want   []string
	}{
		"by id":             {"payment_stuck", map[string]string{"payment_id": "12345"}, []string{"Payment 12345 is stuck.", "trace_payment payment_id=12345:"}},
		"by key":            {"payment_stuck", map[string]string{"merchant_id": "M1", "idempotency_key": "k 1"}, []string{"trace_payment merchant_id=M1 idempotency_key=k 1:"}},
		"by nothing":        {"payment_stuck", nil, []string{"ask the user for its payment_id"}},
		"half a key":        {"payment_stuck", map[string]string{"merchant_id": "M1"}, []string{"ask the user for its payment_id"}},
		"slow":              {"api_slow", nil, []string{"analyze_failure_pattern time_range=1h:", "check_database_health", "cache_stats"}},
		"slow since":        {"api_slow", map[string]string{"time_range": "3h"}, []string{"diagnose_circuit_breaker time_range=3h"}},
		"429":               {"merchant_429", map[string]string{"merchant_id": "MERCHANT_X", "action": "refund"}, []string{"check_rate_limit merchant_id=MERCHANT_X action=refund:"}},
		"incident":          {"investigate_incident", map[string]string{"symptom": "\x1b[2Jcards declined"}, []string{`what was noticed: "`, "cards declined", "check_stack_health"}},
		"unknown symptom":   {"investigate_incident", nil, []string{"Something is wrong with the payment system. Find out why"}},
		"a very long value": {"merchant_429", map[string]string{"merchant_id": strings.Repeat("x", 10000)}, []string{"xxx"}},
	} {
		t.Run(name, func(t *testing.T) {
			req := mcp.GetPromptRequest{Params: mcp.GetPromptParams{Name: x.prompt, Arguments: x.args}}
			got, err := c.GetPrompt(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			text := got.Messages[0].Content.(mcp.TextContent).Text
			for _, want := range append(x.want, "Change nothing.", "Verdict unknown means") {
				if !strings.Contains(text, want) {
					t.Errorf("no %q in:\n%s", want, text)
				}
			}
			if strings.Contains(text, "\x1b") || len(text) > 4000 {
				t.Errorf("%d bytes: %q", len(text), text)
			}
		})
	}
}

func TestWhatAPromptRefuses(t *testing.T) {
	c := connect(t)
	for want, x := range map[string]mcp.GetPromptParams{
		"merchant_id is missing":                       {Name: "merchant_429"},
		`unknown argument "merchant"`:                  {Name: "merchant_429", Arguments: map[string]string{"merchant_id": "M", "merchant": "M"}},
		"arguments: symptom, time_range":               {Name: "investigate_incident", Arguments: map[string]string{"x": ""}},
		"merchant_id is missing: the merchant that is": {Name: "merchant_429", Arguments: map[string]string{"merchant_id": " "}},
	} {
		if got, err := c.GetPrompt(t.Context(), mcp.GetPromptRequest{Params: x}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %+v, %v", x, got, err)
		}
	}
}

func TestCompletions(t *testing.T) {
	c := connect(t)
	for name, x := range map[string]struct{ prompt, argument, typed, want string }{
		"begun":       {"merchant_429", "action", "re", `["refund"]`},
		"other case":  {"merchant_429", "action", "CAP", `["capture"]`},
		"nothing yet": {"merchant_429", "action", "", `["authorize","capture","refund"]`},
		"time":        {"api_slow", "time_range", "1", `["15m","1h","12h"]`},
		"none fits":   {"merchant_429", "action", "void", `[]`},
		"free text":   {"merchant_429", "merchant_id", "M", `[]`},
		"no such":     {"nothing", "action", "", `[]`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.Complete(t.Context(), mcp.CompleteRequest{Params: mcp.CompleteParams{
				Ref: mcp.PromptReference{Type: "ref/prompt", Name: x.prompt}, Argument: mcp.CompleteArgument{Name: x.argument, Value: x.typed}}})
			if err != nil {
				t.Fatal(err)
			}
			values, err := json.Marshal(got.Completion.Values)
			if err != nil || string(values) != x.want {
				t.Errorf("got %s, %v, want %s", values, err, x.want)
			}
		})
	}
}
