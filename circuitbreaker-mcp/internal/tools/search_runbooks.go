package tools

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"payops-mcp/circuitbreaker-mcp/internal/runbook"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
	"payops-mcp/shared/tool"
)

// SearchIn are the arguments of search_runbooks.
type SearchIn struct {
	Keywords []string `json:"keywords" jsonschema:"words of the question, symptoms, error texts or finding codes, in English and in Korean" min:"1" max:"20"`
	Limit    int      `json:"limit,omitempty" jsonschema:"sections to return" default:"3" min:"1" max:"200"`
}

// SearchData is what search_runbooks answers.
type SearchData struct {
	Hits []RunbookHit `json:"hits"`
}

// RunbookHit is a section, or some small ones, that match.
type RunbookHit struct {
	ID     any `json:"id"` // page#section; read_runbook takes it. Foreign text where the team named it
	Before any `json:"before,omitempty"`
	After  any `json:"after,omitempty"`
	Text   any `json:"text"` // report.Prose, or report.Quote where the team wrote it
}

// How much of a hit is shown, in bytes: the best whole, for it is what was meant
// most of the time.
const (
	bestHit  = 2400
	otherHit = 500
)

func (s Sources) searchRunbooks(ctx context.Context, in SearchIn) (report.Answer[SearchData], error) {
	var a report.Answer[SearchData]
	if !slices.ContainsFunc(in.Keywords, func(k string) bool { return strings.TrimSpace(k) != "" }) {
		return a, fault.Invalidf("keywords: every one is empty; give words of the question, such as shedlock or 아웃박스")
	}
	hits, look, err := s.Runbooks.Search(ctx, in.Keywords, in.Limit+1)
	if err != nil {
		return a, err
	}
	more := len(hits) > in.Limit
	hits = hits[:min(len(hits), in.Limit)]
	for i, h := range hits {
		limit := otherHit
		if i == 0 {
			limit = bestHit
		}
		a.Data.Hits = append(a.Data.Hits, hitRow(h, limit))
	}
	a.Summary = "no section of the runbooks has any of these words; search for a symptom, a finding code, or the same in English"
	if len(hits) > 0 {
		a.Summary = fmt.Sprintf("%d sections match, best first: %s", len(hits), shownID(hits[0].ID, hits[0].Team))
	}
	a.Sources = look.Sources
	a.Coverage = report.Coverage{Looked: []string{fmt.Sprintf("%d sections of %d pages", look.Chunks, len(look.Pages))}, Not: look.Left, Cut: more}
	if more {
		a.Coverage.More = "ask with a larger limit"
	}
	return concluded(a), nil
}

// hitRow shows at most limit bytes of a hit.
func hitRow(h runbook.Hit, limit int) RunbookHit {
	row := RunbookHit{ID: named(h.ID, h.Team), Text: prose(excerpt(h, limit), h.Team)}
	if h.Before != "" {
		row.Before = named(h.Before, h.Team)
	}
	if h.After != "" {
		row.After = named(h.After, h.Team)
	}
	return row
}

// excerpt is the head of a hit, of about limit bytes: lines whole, and no block of
// code left open.
func excerpt(h runbook.Hit, limit int) string {
	head := h.Head(limit)
	if head == h.Text {
		return head
	}
	return head + "\n… (read_runbook gives the rest)"
}

// named is the name of a section. The team's come from names of files and headings.
func named(id string, team bool) any {
	if team {
		return foreign.Text(id)
	}
	return id
}

// shownID is a name in a sentence of ours.
func shownID(id string, team bool) string {
	if team {
		return foreign.Text(id).Quoted()
	}
	return id
}

// prose is text of ours, or of the team.
func prose(text string, team bool) any {
	if team {
		return report.Quote(text)
	}
	return report.Prose(text)
}

// concluded sets the verdict of an answer that looked at no system.
func concluded[D any](a report.Answer[D]) report.Answer[D] {
	a.Conclude()
	if a.Verdict == catalog.OK {
		a.Because = "runbooks only: no system was asked"
	}
	return a
}

func searchRunbooks(s Sources) tool.Tool {
	return tool.Read(tool.Spec{
		Name:  "search_runbooks",
		Title: "Search the runbooks",
		Description: "What to do about it: sections of the runbooks, ours and the team's own, that match keywords best, with how to make sure, the steps in order and what never to do. " +
			"Reach for it with symptoms, error texts or questions; give keywords in English and in the user's language (Korean is indexed). " +
			"It knows nothing of the present state: the other tools do.",
		Examples: []string{`{"keywords":["broker down","브로커 다운"]}`, `{"keywords":["shedlock","lock_until"],"limit":1}`, `{"keywords":["환불이 두 번 나갔어요","refunded twice"]}`},
	}, s.searchRunbooks)
}
