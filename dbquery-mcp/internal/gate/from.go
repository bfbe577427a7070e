package gate

import (
	"slices"
	"strings"
)

// tables reads what stands behind FROM: tables, subqueries and joins of them.
func (p *parser) tables() {
	for p.joined(); p.take(","); {
		p.joined()
	}
}

func (p *parser) joined() {
	p.nested(func() {
		p.from()
		for p.join() {
			p.from()
			for p.takeAny("ON", "USING") { // a JOIN b JOIN c ON … ON …
				if p.tokens[p.at-1].value == "ON" {
					p.where()
					continue
				}
				p.want("(")
				p.names()
				p.want(")")
			}
		}
	})
}

// join reads the words of a join.
func (p *parser) join() bool {
	switch {
	case p.takeAny("JOIN", "STRAIGHT_JOIN"):
		return true
	case p.takeAny("INNER", "CROSS"):
	case p.takeAny("LEFT", "RIGHT"):
		p.take("OUTER")
	case p.take("NATURAL"):
		if p.takeAny("LEFT", "RIGHT") {
			p.take("OUTER")
		} else {
			p.take("INNER")
		}
	default:
		return false
	}
	p.want("JOIN")
	return p.refusal == nil
}

// from reads one table, subquery or join in parentheses.
func (p *parser) from() {
	if !p.is("(") {
		p.table()
		return
	}
	if p.beginsQuery() && p.attempt(p.derived) {
		return
	}
	p.write(" ")
	p.want("(")
	p.tables()
	p.want(")")
}

func (p *parser) derived() {
	p.write(" ")
	p.want("(")
	p.query(false)
	p.want(")")
	p.take("AS")
	p.name("a subquery in FROM needs a name")
}

// tableName reads a table's name and keeps it for the caller to look at.
func (p *parser) tableName() {
	at := p.peek()
	first := p.name("wanted is a table")
	t := Table{Name: first, Place: refuse(p.source, at.start, "", "").Place}
	if p.take(".") {
		t = Table{Schema: first, Name: p.name("wanted is a table"), Place: t.Place}
	}
	switch {
	case p.refusal != nil:
	case systemSchemas[strings.ToUpper(t.Schema)]:
		p.refuseAt(at, "the schema "+t.Schema, "Only tables of the payment schema are read; SHOW TABLES, SHOW COLUMNS FROM t and SHOW INDEX FROM t tell of them")
	case p.is("("):
		p.refuse("a table function", "Select from tables and subqueries")
	case t.Schema == "" && slices.Contains(p.done.With, t.Name):
	case t.Schema == "" && slices.ContainsFunc(p.done.With, func(w string) bool { return strings.EqualFold(w, t.Name) }):
		p.refuseAt(at, "the name "+t.Name+", which WITH writes in other letters", "Write it as WITH does")
	default:
		p.done.Tables = append(slices.Clip(p.done.Tables), t)
	}
}

func (p *parser) table() {
	p.tableName()
	if p.take("AS") {
		p.name("AS gives a name")
	} else if n := p.peek(); n.kind == name || n.kind == word && !reserved[n.value] {
		p.name("a name")
	}
	for p.isAny("USE", "FORCE", "IGNORE") {
		p.takeAny("USE", "FORCE", "IGNORE")
		if !p.takeAny("INDEX", "KEY") {
			p.unexpected("wanted is INDEX")
		}
		if p.take("FOR") && !p.take("JOIN") && !p.takeWords("ORDER", "BY") && !p.takeWords("GROUP", "BY") {
			p.unexpected("wanted is JOIN, ORDER BY or GROUP BY")
		}
		p.want("(")
		for !p.is(")") && p.refusal == nil {
			if p.take("PRIMARY") {
				p.take(",")
				continue
			}
			p.name("wanted is an index")
			if !p.take(",") {
				break
			}
		}
		p.want(")")
	}
}
