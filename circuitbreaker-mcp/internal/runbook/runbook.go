// Package runbook holds what to do about each finding: a page for each family of
// findings, built in, and the pages of the team's own directory beside them. It
// finds sections by keywords and gives pages whole.
//
// A section is named page#anchor, for example outbox#outbox_lock_stuck; the anchor
// of a finding is its code in lower case. Pages of the team are named team/ and
// their path. What stands in those is text from outside.
package runbook

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

//go:embed pages/*.md
var files embed.FS

// Page is one markdown document.
type Page struct {
	ID       string
	Title    string
	Team     bool      // written by the team: its text is foreign
	Sections []Section // the first is what stands above the first heading below the title
}

// Section is a heading and what stands below it, up to the next.
type Section struct {
	Anchor  string // empty for the first section of a page
	Heading string
	Text    string // markdown below the heading, without search words

	level int
	words string // terms that a search is to find it by
}

// SectionID names a section of the page, for example outbox#outbox_backlog.
func (p Page) SectionID(i int) string {
	if p.Sections[i].Anchor == "" {
		return p.ID
	}
	return p.ID + "#" + p.Sections[i].Anchor
}

// Markdown is the page as one text.
func (p Page) Markdown() string {
	var b strings.Builder
	for i := range p.Sections {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString(p.Sections[i].Markdown())
	}
	return b.String()
}

// Markdown is the section with its heading.
func (s Section) Markdown() string {
	head := strings.Repeat("#", max(s.level, 1)) + " " + s.Heading + "\n"
	if s.Text == "" {
		return head
	}
	return head + "\n" + s.Text + "\n"
}

// Section finds a section by its anchor, in any case.
func (p Page) Section(anchor string) (int, bool) {
	i := slices.IndexFunc(p.Sections, func(s Section) bool { return strings.EqualFold(s.Anchor, anchor) })
	return i, i >= 0
}

// Anchors lists the sections that can be asked for.
func (p Page) Anchors() []string {
	var all []string
	for _, s := range p.Sections {
		if s.Anchor != "" {
			all = append(all, s.Anchor)
		}
	}
	return all
}

// BuiltIn returns the names of the pages that are built in, sorted.
func BuiltIn() []string {
	entries, err := fs.ReadDir(files, "pages")
	if err != nil {
		panic(fmt.Sprintf("runbook: the pages built in: %v", err))
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = strings.TrimSuffix(e.Name(), ".md")
	}
	return names
}

// builtIn reads a page that is built in.
func builtIn(id string) (Page, bool) {
	data, err := files.ReadFile(path.Join("pages", id+".md"))
	if err != nil {
		return Page{}, false
	}
	return parse(id, string(data), false), true
}

// Title is the title of a page that is built in, empty for another. It reads one
// line: a server that starts has no time to parse what nobody asked for yet.
func Title(id string) string {
	data, err := files.ReadFile(path.Join("pages", id+".md"))
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(data), "\n")
	return strings.TrimPrefix(line, "# ")
}
