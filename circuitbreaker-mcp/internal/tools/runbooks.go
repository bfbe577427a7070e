package tools

import (
	"context"
	"strings"

	"payops-mcp/circuitbreaker-mcp/internal/runbook"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/tool"
)

// Runbooks are the pages as documents, for people to attach; read_runbook is the
// same for a model.
func Runbooks(l *runbook.Library) []tool.Resource {
	var all []tool.Resource
	for _, id := range runbook.BuiltIn() {
		all = append(all, tool.Resource{
			URI: "runbook://" + id, Name: "runbook-" + id, Title: "Runbook: " + runbook.Title(id), MIMEType: "text/markdown",
			Description: "What to do about the findings of this family.",
			Read: func(ctx context.Context, _ map[string]string) (string, error) {
				return document(ctx, l, id)
			},
		})
	}
	return append(all, tool.Resource{
		URI: "runbook://{+id}", Name: "runbook", Title: "Runbook by name", MIMEType: "text/markdown",
		Description: "A page of the runbooks by its name; the team's own begin with team/.",
		Read: func(ctx context.Context, vars map[string]string) (string, error) {
			return document(ctx, l, vars["id"])
		},
	})
}

func document(ctx context.Context, l *runbook.Library, id string) (string, error) {
	p, ok, look, err := l.Page(ctx, id)
	if err != nil {
		return "", err
	}
	if !ok {
		return "", noPage(id, look)
	}
	if !p.Team {
		return p.Markdown(), nil
	}
	// The team's words, made safe as everything from outside is, and marked.
	var b strings.Builder
	b.WriteString("> Written by the team, not by this server. " + foreign.Notice + ".\n\n")
	for line := range strings.Lines(p.Markdown()) {
		b.WriteString(foreign.Clean(strings.TrimRight(line, "\r\n"), maxLine) + "\n")
	}
	return b.String(), nil
}

// maxLine is how many characters of a line of the team's are shown in a document.
const maxLine = 2000
