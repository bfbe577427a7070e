package docs_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"payops-mcp/sandbox/binaries"
)

// TestKoreanSaysTheSame holds each Korean document against its English twin: the
// same headings in the same order of levels, the same blocks, and each command and
// setting of the one in the other.
func TestKoreanSaysTheSame(t *testing.T) {
	twins := 0
	for _, d := range documents(t) {
		name, ok := strings.CutSuffix(d.name, ".ko.md")
		if !ok {
			continue
		}
		twins++
		english := read(t, name+".md")
		levels := func(d document) (all []int) {
			for _, h := range d.headings {
				all = append(all, h.level)
			}
			return all
		}
		if got, want := levels(d), levels(english); !slices.Equal(got, want) {
			t.Errorf("%s has headings of the levels %v, %s %v", d.name, got, english.name, want)
		}
		if len(d.blocks) != len(english.blocks) {
			t.Errorf("%s has %d blocks, %s %d", d.name, len(d.blocks), english.name, len(english.blocks))
			continue
		}
		for i, b := range d.blocks {
			if e := english.blocks[i]; withoutRemarks(b) != withoutRemarks(e) {
				t.Errorf("%s and %s differ:\n%s\n%s", d.where(b.line), english.where(e.line), b.text, e.text)
			}
		}
		for _, s := range english.spans {
			if commandWords.MatchString(s.text) && !slices.ContainsFunc(d.spans, func(k span) bool { return k.text == s.text }) {
				t.Errorf("%s does not have the command %s of %s", d.name, s.text, english.where(s.line))
			}
		}
	}
	if more, err := filepath.Glob(at(t, "docs", "*.ko.md")); err != nil || twins != len(more)+1 {
		t.Errorf("%d Korean documents were compared, %v", twins, err)
	}
}

// withoutRemarks is a block without what stands behind # in a shell, which is in
// the language of the document.
func withoutRemarks(b block) string {
	if b.language != "sh" {
		return b.text
	}
	var all []string
	for line := range strings.Lines(b.text) {
		line, _, _ = strings.Cut(line, " # ")
		all = append(all, strings.TrimSpace(line))
	}
	return strings.Join(all, "\n")
}

// TestKoreanListsEveryTool: the Korean README says in its own tables what each tool
// is for; they have every tool that the servers list, in the servers' order.
func TestKoreanListsEveryTool(t *testing.T) {
	_, has := asked(t)
	english, korean := read(t, "README.md"), read(t, "README.ko.md")
	of := func(d document) (tools []string) {
		for _, r := range d.rows {
			if name := strings.Trim(r.cells[0], "`"); has[name] != "" {
				tools = append(tools, name)
			}
		}
		return tools
	}
	if got, want := of(korean), of(english); !slices.Equal(got, want) {
		t.Errorf("README.ko.md lists\n%v\nREADME.md\n%v", got, want)
	}
	for _, server := range binaries.Servers() {
		_, tools := start(t, server, nil) // with nothing set: what everybody has
		for _, tool := range tools {
			if !slices.Contains(of(korean), tool.Name) {
				t.Errorf("README.ko.md does not list %s of %s", tool.Name, server)
			}
		}
	}
}
