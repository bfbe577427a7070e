package tool

import (
	"context"
	"fmt"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"payops-mcp/shared/foreign"
)

// Prompt is a piece of work that a host offers its user to start with.
type Prompt struct {
	Name        string
	Title       string
	Description string
	Arguments   []PromptArgument

	// Text is what is asked of the model. Arguments that were left out are empty.
	Text func(args map[string]string) string
}

// PromptArgument is what the user is asked for.
type PromptArgument struct {
	Name        string
	Description string
	Required    bool
	Choices     []string // offered while the user types; anything else is taken too
}

// maxPromptArgument is how many characters of an argument are taken.
const maxPromptArgument = 200

// AddTo adds the prompt to an MCP server.
func (p Prompt) AddTo(s *server.MCPServer) {
	options := []mcp.PromptOption{mcp.WithPromptTitle(p.Title), mcp.WithPromptDescription(p.Description)}
	for _, a := range p.Arguments {
		about := []mcp.ArgumentOption{mcp.ArgumentDescription(a.Description)}
		if a.Required {
			about = append(about, mcp.RequiredArgument())
		}
		options = append(options, mcp.WithArgument(a.Name, about...))
	}
	s.AddPrompt(mcp.NewPrompt(p.Name, options...), func(_ context.Context, req mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
		args, err := p.bind(req.Params.Arguments)
		if err != nil {
			return nil, err
		}
		return mcp.NewGetPromptResult(p.Description, []mcp.PromptMessage{mcp.NewPromptMessage(mcp.RoleUser, mcp.NewTextContent(p.Text(args)))}), nil
	})
}

// bind checks what the user gave.
func (p Prompt) bind(given map[string]string) (map[string]string, error) {
	args, names := map[string]string{}, make([]string, 0, len(p.Arguments))
	for _, a := range p.Arguments {
		names = append(names, a.Name)
		args[a.Name] = foreign.Clean(strings.TrimSpace(given[a.Name]), maxPromptArgument)
		if a.Required && args[a.Name] == "" {
			return nil, fmt.Errorf("%s is missing: %s", a.Name, a.Description)
		}
	}
	for name := range given {
		if _, known := args[name]; !known {
			return nil, fmt.Errorf("unknown argument %s; arguments: %s", foreign.Text(name).Quoted(), strings.Join(names, ", "))
		}
	}
	return args, nil
}

// Prompts completes the arguments of prompts.
type Prompts []Prompt

// CompletePromptArgument implements server.PromptCompletionProvider: it offers the
// choices that begin with what was typed, in any case.
func (all Prompts) CompletePromptArgument(_ context.Context, name string, typed mcp.CompleteArgument, _ mcp.CompleteContext) (*mcp.Completion, error) {
	found := []string{}
	for _, p := range all {
		for _, a := range p.Arguments {
			if p.Name != name || a.Name != typed.Name {
				continue
			}
			for _, choice := range a.Choices {
				if len(typed.Value) <= len(choice) && strings.EqualFold(choice[:len(typed.Value)], typed.Value) {
					found = append(found, choice)
				}
			}
		}
	}
	const most = 100 // that the protocol takes
	return &mcp.Completion{Values: found[:min(len(found), most)], Total: len(found), HasMore: len(found) > most}, nil
}
