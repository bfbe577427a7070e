package runbook

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"unicode"
)

// Compiled when the first page is read, so that the start stays fast.
var (
	headingLine = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(#{1,6})\s+(.*?)\s*#*$`) })
	// wordsLine gives a section terms to be found by that its reader does not
	// need, above all Korean ones.
	wordsLine = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^<!--\s*words:\s*(.*?)\s*-->$`) })
)

// parse splits markdown at its headings. A # within a fence is no heading.
func parse(id, text string, team bool) Page {
	p := Page{ID: id, Title: id, Team: team, Sections: []Section{{Heading: id, level: 1}}}
	var body []string
	fence := ""
	flush := func() {
		s := &p.Sections[len(p.Sections)-1]
		s.Text = strings.Trim(strings.Join(body, "\n"), "\n")
		body = nil
	}
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		line = strings.TrimRight(line, " \t\r\n")
		if mark := fenceOf(line); mark != "" && (fence == "" || mark == fence) {
			if fence == "" {
				fence = mark
			} else {
				fence = ""
			}
		}
		if m := wordsLine().FindStringSubmatch(line); m != nil && fence == "" {
			p.Sections[len(p.Sections)-1].words = m[1]
			continue
		}
		m := headingLine().FindStringSubmatch(line)
		switch {
		case m == nil || fence != "":
			body = append(body, line)
		case len(p.Sections) == 1 && len(m[1]) == 1 && strings.TrimSpace(strings.Join(body, "")) == "" && p.Title == id:
			p.Title, p.Sections[0].Heading = m[2], m[2]
		default:
			flush()
			p.Sections = append(p.Sections, Section{Anchor: p.anchor(m[2]), Heading: m[2], level: len(m[1])})
		}
	}
	flush()
	return p
}

// fenceOf returns what opens or closes a block of code on a line.
func fenceOf(line string) string {
	for _, mark := range []string{"```", "~~~"} {
		if strings.HasPrefix(strings.TrimLeft(line, " "), mark) {
			return mark
		}
	}
	return ""
}

// anchor makes the name of a section of its heading, as renderers of markdown do:
// one that stands already gets a number.
func (p Page) anchor(heading string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(heading) {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '_', r == '-':
			b.WriteRune(r)
		case r == ' ':
			b.WriteByte('-')
		}
	}
	name := b.String()
	if name == "" {
		name = "section"
	}
	unique := name
	for n := 1; ; n++ {
		if _, taken := p.Section(unique); !taken {
			return unique
		}
		unique = fmt.Sprintf("%s-%d", name, n)
	}
}
