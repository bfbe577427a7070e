package runbook

import (
	"strings"
)

// Sizes of what is found, in bytes of text: sections smaller than minChunk are
// joined with those behind them, larger ones than maxChunk are cut at a blank line.
const (
	minChunk = 160
	maxChunk = 2400
)

// chunk is what a search finds: a section, some small ones, or a part of a big one.
type chunk struct {
	page        *Page
	first, last int // sections of the page
	heading     string
	words       string
	text        string
}

// chunks cuts a page into what a search finds.
func chunks(p *Page) []chunk {
	var all []chunk
	open := false // the last chunk is still too small
	for i, s := range p.Sections {
		if s.Text == "" && s.Anchor == "" && len(p.Sections) > 1 {
			continue // a title alone: it is known of every chunk
		}
		if open {
			c := &all[len(all)-1]
			c.last, c.heading, c.words = i, c.heading+" / "+s.Heading, c.words+", "+s.words
			c.text += "\n\n" + strings.TrimSpace(s.Markdown())
			open = len(c.text) < minChunk
			continue
		}
		for _, part := range cutText(s.Text) {
			all = append(all, chunk{page: p, first: i, last: i, heading: s.Heading, words: s.words, text: part})
		}
		// The head of a page stands for itself: nothing is joined to it.
		open = len(s.Text) < minChunk && s.Anchor != ""
	}
	return all
}

// cutText cuts a long text at blank lines outside of blocks of code.
func cutText(text string) []string {
	var parts []string
	var b strings.Builder
	fence := false
	for line := range strings.Lines(text) {
		if fenceOf(line) != "" {
			fence = !fence
		}
		blank := !fence && strings.TrimSpace(line) == ""
		if long := b.Len() > maxChunk; long && blank || b.Len() > 2*maxChunk {
			parts = append(parts, strings.TrimSpace(b.String()))
			b.Reset()
		}
		b.WriteString(line)
	}
	return append(parts, strings.TrimSpace(b.String()))
}
