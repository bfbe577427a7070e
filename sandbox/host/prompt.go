package host

import (
	"context"
	"fmt"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
)

// Prompt returns the text that a prompt puts before a model.
func (s *Server) Prompt(ctx context.Context, name string, args map[string]string) (string, error) {
	var req mcp.GetPromptRequest
	req.Params.Name, req.Params.Arguments = name, args
	res, err := s.client.GetPrompt(ctx, req)
	if err != nil {
		return "", fmt.Errorf("%s prompt %s: %w", s.name, name, err)
	}
	var b strings.Builder
	for _, m := range res.Messages {
		if text, ok := m.Content.(mcp.TextContent); ok {
			b.WriteString(text.Text)
		}
	}
	return b.String(), nil
}
