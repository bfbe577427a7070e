package report

import (
	"slices"
	"strconv"
	"strings"

	"payops-mcp/shared/foreign"
)

// Prose is text of our own in several lines, such as a page of a runbook. The text
// form shows it line by line, the structure as one string. What is no words of
// ours is a Quote.
type Prose string

// Quote is text from outside in several lines. The text form shows it line by
// line, each in double quotes; the structure as one string of such lines. A line
// longer than foreign.MaxText is continued on the next.
type Quote string

func (p Prose) node() *node {
	n := &node{kind: proseNode}
	for _, line := range lines(string(p)) {
		n.items = append(n.items, own(line))
	}
	return n
}

func (q Quote) node() *node {
	n := &node{kind: proseNode}
	for _, line := range lines(string(q)) {
		// A card number must not be cut in two and so get past its mask.
		for _, part := range pieces(foreign.MaskCards(line), foreign.MaxText) {
			n.items = append(n.items, &node{kind: foreignNode, scalar: foreign.Text(part).String()})
		}
	}
	return n
}

// lines splits text at its line breaks, without those at its end.
func lines(text string) []string {
	text = strings.TrimRight(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// pieces splits a line after every n characters; an empty one is one piece.
func pieces(line string, n int) (all []string) {
	count, from := 0, 0
	for i := range line {
		if count == n {
			all = append(all, line[from:i])
			count, from = 0, i
		}
		count++
	}
	return append(all, line[from:])
}

// joined is the text as one string, its foreign lines in double quotes.
func (n *node) joined() string {
	parts := make([]string, len(n.items))
	for i, line := range n.items {
		parts[i] = line.shown()
	}
	return strings.Join(parts, "\n")
}

// shown is a line of prose: of our own words as they are, also where there are none.
func (n *node) shown() string {
	if n.kind == foreignNode {
		return foreign.Quote(n.scalar)
	}
	return n.scalar
}

// holdsProse reports whether n is an object with prose in it, which no cell of a
// table can hold.
func (n *node) holdsProse() bool {
	return slices.ContainsFunc(n.fields, func(f field) bool { return f.node != nil && f.node.kind == proseNode && len(f.node.items) > 0 })
}

// blocks writes a list of objects that hold prose: of each its other fields on a
// line, the prose below.
func (n *node) blocks(b *strings.Builder, name string) {
	b.WriteString(name + ":\n")
	for i, item := range n.items {
		rest := &node{kind: item.kind}
		for _, f := range item.fields {
			if f.node != nil && f.node.kind != proseNode {
				rest.fields = append(rest.fields, f)
			}
		}
		b.WriteString(strings.TrimRight(strconv.Itoa(i+1)+". "+rest.pairs(), " ") + "\n")
		for _, f := range item.fields {
			if f.node != nil && f.node.kind == proseNode {
				f.node.lines(b)
			}
		}
	}
}

// block writes prose below its name.
func (n *node) block(b *strings.Builder, name string) {
	b.WriteString(name + ":\n")
	n.lines(b)
}

func (n *node) lines(b *strings.Builder) {
	for _, line := range n.items {
		b.WriteString(strings.TrimRight("  "+line.shown(), " ") + "\n")
	}
}
