package about

import (
	"context"
	"fmt"
	"strings"

	"github.com/agext/levenshtein"

	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
	"payops-mcp/shared/tool"
)

func findings() tool.Resource {
	return tool.Resource{
		URI: "payops://findings", Name: "findings", Title: "Finding catalog", MIMEType: "text/markdown",
		Description: "Every finding that the three servers can report: code, kind, severity and rule.",
		Read: func(context.Context, map[string]string) (string, error) {
			var b strings.Builder
			b.WriteString("# Finding catalog\n\n| code | kind | severity | reported by | when it holds |\n|---|---|---|---|---|\n")
			for _, e := range catalog.All() {
				fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", e.Code, e.Kind, e.Severity, e.Emitter, strings.ReplaceAll(e.Rule, "|", `\|`))
			}
			return b.String(), nil
		},
	}
}

func finding() tool.Resource {
	return tool.Resource{
		URI: "payops://findings/{code}", Name: "finding", Title: "A finding", MIMEType: "text/markdown",
		Description: "What one finding means and what follows from it, by its code, such as OUTBOX_BACKLOG.",
		Read: func(_ context.Context, vars map[string]string) (string, error) {
			m, err := explain(vars["code"])
			if err != nil {
				return "", err
			}
			return fmt.Sprintf("# %s\n\n%s\n\nWhen it holds: %s\n\nExplains: %s\n\nExplained by: %s\n\nRunbook: %s\n",
				m.Code, m.words(), m.Rule, list(m.Explains), list(m.ExplainedBy), m.Runbook), nil
		},
	}
}

func list(codes []catalog.Code) string {
	if len(codes) == 0 {
		return "nothing"
	}
	words := make([]string, len(codes))
	for i, c := range codes {
		words[i] = string(c)
	}
	return strings.Join(words, ", ")
}

type explainIn struct {
	Code string `json:"code" jsonschema:"code of a finding, such as OUTBOX_BACKLOG" min:"1" max:"60"`
}

// meaning is what the catalog says of a code.
type meaning struct {
	Code        catalog.Code     `json:"code"`
	Kind        catalog.Kind     `json:"kind"`
	Severity    catalog.Severity `json:"severity"`
	ReportedBy  string           `json:"reported_by"`
	ConfirmedBy string           `json:"confirmed_by,omitempty"`
	Rule        string           `json:"rule"`
	Explains    []catalog.Code   `json:"explains"`
	ExplainedBy []catalog.Code   `json:"explained_by"`
	Runbook     string           `json:"runbook"`
}

// words say the kind of finding it is.
func (m meaning) words() string {
	kind := map[catalog.Kind]string{
		catalog.Cause:   "a cause: what to repair",
		catalog.Symptom: "a symptom: look for the cause that explains it",
		catalog.Source:  "a source of ours failed: facts are missing",
	}[m.Kind]
	by := m.ReportedBy + "-mcp"
	if m.ReportedBy == "each" {
		by = "each of the three servers"
	}
	return fmt.Sprintf("%s, severity %s, reported by %s", kind, m.Severity, by)
}

// ExplainFinding is the tool twin of the finding catalog.
func ExplainFinding() tool.Tool {
	return tool.Read(tool.Spec{
		Name: "explain_finding", Title: "Explain a finding",
		Description: "What a finding code of any of the three servers means: the rule behind it, what it explains, what could explain it, and its runbook section. " +
			"It looks nothing up in the payment system.",
		Examples: []string{`{"code":"OUTBOX_BACKLOG"}`},
	}, func(_ context.Context, in explainIn) (report.Answer[meaning], error) {
		m, err := explain(in.Code)
		if err != nil {
			return report.Answer[meaning]{}, err
		}
		a := report.Answer[meaning]{Summary: fmt.Sprintf("%s - %s", m.Code, m.words()), Data: m}
		a.Conclude()
		return a, nil
	})
}

// explain looks a code up, in any case.
func explain(code string) (meaning, error) {
	wanted := catalog.Code(strings.ToUpper(strings.TrimSpace(code)))
	e, ok := catalog.Find(wanted)
	if !ok {
		return meaning{}, fault.New(fault.NotFound, "Use one of the codes of payops://findings", "there is no finding %s%s", foreign.Text(code).Quoted(), nearest(string(wanted)))
	}
	m := meaning{Code: e.Code, Kind: e.Kind, Severity: e.Severity, ReportedBy: e.Emitter, ConfirmedBy: e.ConfirmedBy, Rule: e.Rule,
		Explains: append([]catalog.Code{}, e.Explains...), ExplainedBy: []catalog.Code{}, Runbook: catalog.Section(e.Code)}
	for _, other := range catalog.All() {
		for _, c := range other.Explains {
			if c == e.Code {
				m.ExplainedBy = append(m.ExplainedBy, other.Code)
			}
		}
	}
	return m, nil
}

// nearest names the code that was likely meant.
func nearest(code string) string {
	best, at := 1+len(code)/3, ""
	for _, e := range catalog.All() {
		if d := levenshtein.Distance(code, string(e.Code), nil); d < best {
			best, at = d, string(e.Code)
		}
	}
	if at == "" {
		return ""
	}
	return " (did you mean " + at + "?)"
}
