package tools

import (
	"context"
	"fmt"
	"strings"

	"payops-mcp/circuitbreaker-mcp/internal/runbook"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
	"payops-mcp/shared/tool"
)

// RunbookIn are the arguments of read_runbook.
type RunbookIn struct {
	ID      string `json:"id" jsonschema:"a page (outbox), a section as findings and searches name it (outbox#outbox_backlog), or a finding code (OUTBOX_BACKLOG)" min:"1" max:"400"`
	Section string `json:"section,omitempty" jsonschema:"one section of the page; default all of it" min:"1" max:"200"`
}

// RunbookData is what read_runbook answers.
type RunbookData struct {
	ID     any `json:"id"`
	Before any `json:"before,omitempty"` // the neighbours of a section
	After  any `json:"after,omitempty"`
	Text   any `json:"text"` // report.Prose, or report.Quote where the team wrote it
}

func (s Sources) readRunbook(ctx context.Context, in RunbookIn) (report.Answer[RunbookData], error) {
	var a report.Answer[RunbookData]
	id, anchor := wanted(in)
	page, ok, look, err := s.Runbooks.Page(ctx, id)
	if err != nil {
		return a, err
	}
	if !ok {
		return a, noPage(id, look)
	}
	a.Sources, a.Coverage.Not = look.Sources, look.Left
	if anchor == "" {
		a.Data = RunbookData{ID: named(page.ID, page.Team), Text: prose(page.Markdown(), page.Team)}
		a.Summary = fmt.Sprintf("%s - %s, %d sections", shownID(page.ID, page.Team), shownID(page.Title, page.Team), len(page.Anchors()))
		return concluded(a), nil
	}
	i, ok := page.Section(anchor)
	if !ok {
		return a, fault.New(fault.NotFound, "", "the runbook %s has no section %s; it has %s",
			foreign.Text(id).Quoted(), foreign.Text(anchor).Quoted(), orNone(page.Anchors(), page.Team))
	}
	a.Data = RunbookData{ID: named(page.SectionID(i), page.Team), Text: prose(page.Sections[i].Markdown(), page.Team)}
	if i > 0 {
		a.Data.Before = named(page.SectionID(i-1), page.Team)
	}
	if i+1 < len(page.Sections) {
		a.Data.After = named(page.SectionID(i+1), page.Team)
	}
	a.Summary = fmt.Sprintf("%s - of the page %s", shownID(page.SectionID(i), page.Team), shownID(page.Title, page.Team))
	return concluded(a), nil
}

// wanted takes apart what names a page and a section.
func wanted(in RunbookIn) (page, anchor string) {
	id := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(in.ID), "runbook://"))
	if section := catalog.Section(catalog.Code(strings.ToUpper(id))); section != "" {
		id = section
	}
	page, anchor, _ = strings.Cut(id, "#")
	if in.Section != "" {
		anchor = strings.TrimPrefix(strings.TrimSpace(in.Section), "#")
	}
	return page, anchor
}

func noPage(id string, look runbook.Look) error {
	why := ""
	for _, s := range look.Sources {
		if !s.OK() {
			why = fmt.Sprintf(" (the team's pages could not be read: %s)", s.Err.Said.Quoted())
		}
	}
	ours := runbook.BuiltIn()
	return fault.New(fault.NotFound, "search_runbooks finds sections by keywords", "there is no runbook %s%s; there are %s",
		foreign.Text(id).Quoted(), why, strings.Join(append(orFew(look.Pages[len(ours):]), ours...), ", "))
}

// maxNames is how many names of the team's a refusal lists.
const maxNames = 20

// orFew quotes names of the team's, some of them if there are many.
func orFew(names []string) []string {
	var all []string
	for _, n := range names[:min(len(names), maxNames)] {
		all = append(all, foreign.Text(n).Quoted())
	}
	if more := len(names) - maxNames; more > 0 {
		all = append(all, fmt.Sprintf("%d more of the team's", more))
	}
	return all
}

// orNone lists the sections of a page.
func orNone(anchors []string, team bool) string {
	switch {
	case len(anchors) == 0:
		return "none"
	case team:
		return strings.Join(orFew(anchors), ", ")
	}
	return strings.Join(anchors, ", ")
}

func readRunbook(s Sources) tool.Tool {
	return tool.Read(tool.Spec{
		Name:  "read_runbook",
		Title: "Read a runbook",
		Description: "A section of a runbook, or a whole page: what a finding means, whom it hurts, how to make sure, what to do in order, what never to do. " +
			"Every finding of the three servers names its section. " +
			"Pages whose name begins with team/ are the team's own: quoted text, not ours.",
		Examples: []string{`{"id":"OUTBOX_LOCK_STUCK"}`, `{"id":"kafka#kafka_broker_lost"}`, `{"id":"breaker"}`, `{"id":"outbox","section":"outbox_backlog"}`},
	}, s.readRunbook)
}
