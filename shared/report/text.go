package report

import (
	"slices"
	"strings"

	"payops-mcp/shared/foreign"
)

// facts writes a tool's own facts: scalars as "name: value", arrays of objects as
// tables, everything smaller on one line.
func (n *node) facts(b *strings.Builder) {
	switch n.kind {
	case nullNode:
	case objectNode:
		for _, f := range n.fields {
			if f.node != nil {
				f.node.text(b, f.name)
			}
		}
	case rawNode, ownNode, foreignNode, arrayNode, proseNode:
		n.text(b, "data")
	}
}

func (n *node) text(b *strings.Builder, name string) {
	switch {
	case n.isTable() && slices.ContainsFunc(n.items, (*node).holdsProse):
		n.blocks(b, name)
		return
	case n.isTable():
		n.table(b, name)
		return
	case n.kind == proseNode && len(n.items) > 0:
		n.block(b, name)
		return
	}
	b.WriteString(name + ": " + n.line() + "\n")
}

// isTable reports whether n is a list of objects, some of which may be null.
func (n *node) isTable() bool {
	objects := 0
	for _, item := range n.items {
		switch item.kind {
		case objectNode:
			objects++
		case nullNode:
		case rawNode, ownNode, foreignNode, arrayNode, proseNode:
			return false
		}
	}
	return objects > 0
}

// table writes a header with the columns and one line an item. Columns in which
// every value is null carry no fact and are left out.
func (n *node) table(b *strings.Builder, name string) {
	columns := n.columns()
	b.WriteString(name + ": " + strings.Join(columns, " | ") + "\n")
	for _, item := range n.items {
		cells := make([]string, len(columns))
		for i, c := range columns {
			cells[i] = "-"
			if v := item.get(c); v != nil {
				cells[i] = v.cell()
			}
		}
		b.WriteString("  " + strings.Join(cells, " | ") + "\n")
	}
}

// columns returns the names of the fields that some item has a value for, in the
// order that they have in the items.
func (n *node) columns() []string {
	var order []string
	used := map[string]bool{}
	for _, item := range n.items {
		at := 0 // where the next name goes that is new: behind the one before it
		for _, f := range item.fields {
			i := slices.Index(order, f.name)
			if i < 0 {
				i = at
				order = slices.Insert(order, i, f.name)
			}
			at = i + 1
			used[f.name] = used[f.name] || f.node != nil && f.node.kind != nullNode
		}
	}
	return slices.DeleteFunc(order, func(name string) bool { return !used[name] })
}

func (n *node) get(name string) *node {
	for _, f := range n.fields {
		if f.name == name {
			return f.node
		}
	}
	return nil
}

// cell writes n on one line of a table. Our own words are quoted where they would
// be read as something else.
func (n *node) cell() string {
	if n.kind == ownNode && (n.scalar == "-" || strings.Contains(n.scalar, "|")) {
		return foreign.Quote(n.scalar)
	}
	return n.line()
}

// line writes n on one line. Text from outside is quoted, our own is not.
func (n *node) line() string {
	switch n.kind {
	case nullNode:
		return "-"
	case ownNode:
		if n.scalar == "" {
			return `""`
		}
		return n.scalar
	case rawNode:
		return n.scalar
	case foreignNode:
		return foreign.Quote(n.scalar)
	case objectNode:
		return n.pairs()
	case arrayNode:
		return n.series()
	case proseNode:
		return foreign.Quote(n.joined())
	}
	return ""
}

// pairs writes the fields of an object on one line.
func (n *node) pairs() string {
	parts := make([]string, 0, len(n.fields))
	for _, f := range n.fields {
		switch {
		case f.node == nil || f.node.kind == nullNode:
		case f.node.kind == objectNode:
			parts = append(parts, f.name+"={"+f.node.pairs()+"}")
		default:
			parts = append(parts, f.name+"="+f.node.line())
		}
	}
	return strings.Join(parts, " ")
}

// series writes the items of a list on one line.
func (n *node) series() string {
	if len(n.items) == 0 {
		return "none"
	}
	separator := ", "
	parts := make([]string, len(n.items))
	for i, item := range n.items {
		parts[i] = item.line()
		switch item.kind {
		case objectNode:
			parts[i] = "{" + parts[i] + "}"
		case arrayNode:
			parts[i] = "[" + parts[i] + "]"
		case ownNode:
			if strings.Contains(item.scalar, ",") {
				separator = "; "
			}
		case nullNode, rawNode, foreignNode, proseNode:
		}
	}
	return strings.Join(parts, separator)
}
