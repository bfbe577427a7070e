package report

import (
	"slices"
	"strings"
)

// text writes a tool's own facts: scalars as "name: value", arrays of objects
// as tables, everything smaller on one line.
func (n *node) text(b *strings.Builder, name string) {
	switch {
	case n.kind == objectNode && name == "":
		for _, f := range n.fields {
			f.node.text(b, f.name)
		}
	case n.kind == arrayNode && n.isTable():
		n.table(b, name)
	default:
		b.WriteString(name + ": " + n.line() + "\n")
	}
}

func (n *node) isTable() bool { return len(n.items) > 0 && n.items[0].kind == objectNode }

// table writes a header with the columns and one line an item. Columns in which
// every value is null carry no fact and are left out.
func (n *node) table(b *strings.Builder, name string) {
	var columns []string
	for _, item := range n.items {
		for _, f := range item.fields {
			if f.node.kind != nullNode && !slices.Contains(columns, f.name) {
				columns = insertAs(columns, f.name, item)
			}
		}
	}
	b.WriteString(name + ": " + strings.Join(columns, " | ") + "\n")
	for _, item := range n.items {
		cells := make([]string, len(columns))
		for i, c := range columns {
			cells[i] = "-"
			if v := item.get(c); v != nil && v.kind != nullNode {
				cells[i] = v.line()
			}
		}
		b.WriteString("  " + strings.Join(cells, " | ") + "\n")
	}
}

// insertAs adds name to columns at the place it has among the fields of item:
// behind the nearest field before it that is a column already.
func insertAs(columns []string, name string, item *node) []string {
	at := 0
	for _, f := range item.fields {
		if f.name == name {
			break
		}
		for i, c := range columns {
			if c == f.name {
				at = i + 1
			}
		}
	}
	return slices.Insert(columns, at, name)
}

func (n *node) get(name string) *node {
	for _, f := range n.fields {
		if f.name == name {
			return f.node
		}
	}
	return nil
}

// line writes n on one line. Text from outside is quoted, our own is not.
func (n *node) line() string {
	switch n.kind {
	case nullNode:
		return "-"
	case rawNode, ownNode:
		return n.scalar
	case foreignNode:
		return quoted(n.scalar)
	case objectNode:
		parts := make([]string, 0, len(n.fields))
		for _, f := range n.fields {
			if f.node.kind != nullNode {
				parts = append(parts, f.name+"="+f.node.line())
			}
		}
		return strings.Join(parts, " ")
	case arrayNode:
		parts := make([]string, len(n.items))
		for i, item := range n.items {
			if parts[i] = item.line(); item.kind == objectNode {
				parts[i] = "{" + parts[i] + "}"
			}
		}
		if len(parts) == 0 {
			return "none"
		}
		return strings.Join(parts, ", ")
	}
	return ""
}
