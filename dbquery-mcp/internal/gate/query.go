package gate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const allowed = "Allowed are SELECT, WITH … SELECT, EXPLAIN SELECT, DESCRIBE table, SHOW TABLES, SHOW TABLE STATUS, SHOW COLUMNS, SHOW INDEX and SHOW CREATE TABLE"

// statement reads the whole text.
func (p *parser) statement() {
	switch {
	case p.is("SELECT"), p.is("WITH"), p.is("("):
		p.done.Kind = Select
		p.query(true)
	case p.isAny("EXPLAIN", "DESCRIBE", "DESC"):
		p.explain()
	case p.is("SHOW"):
		p.done.Kind = Show
		p.show()
	case p.peek().kind == endOfText:
		p.refuse("an empty statement", allowed)
	default:
		t := p.peek()
		p.refuse(fmt.Sprintf("a statement that begins with %q", cut(p.source[t.start:t.end], 40)), allowed)
	}
	for p.is(";") {
		p.skip()
		if p.peek().kind != endOfText && !p.is(";") {
			p.refuse("more than one statement", "Send one SELECT at a time")
		}
	}
	if p.refusal == nil && p.peek().kind != endOfText {
		p.unexpected("the statement was complete before it")
	}
	if p.refusal != nil && p.furthest != nil && p.steps <= maxSteps {
		p.refusal = p.furthest
	}
	p.judgeGrowth()
}

// query reads [WITH …] a query expression. The outermost LIMIT is not written: SQL
// writes it.
func (p *parser) query(outermost bool) {
	p.nested(func() {
		if p.is("WITH") {
			p.with()
		}
		p.term()
		for p.takeAny("UNION", "EXCEPT", "INTERSECT") {
			p.takeAny("ALL", "DISTINCT")
			p.term()
		}
		if p.takeWords("ORDER", "BY") {
			p.orderList()
		}
		if !p.is("LIMIT") {
			return
		}
		first, offset := p.limit()
		if outermost && p.done.Kind == Select {
			p.done.Limit, p.done.offset = &first, offset
			return
		}
		p.write(" LIMIT " + strconv.FormatUint(first, 10))
		if offset > 0 {
			p.write(" OFFSET " + strconv.FormatUint(offset, 10))
		}
	})
}

// limit reads LIMIT without writing it.
func (p *parser) limit() (rows, offset uint64) {
	p.skip()
	rows = p.count()
	switch {
	case p.is(","):
		p.skip()
		rows, offset = p.count(), rows
	case p.is("OFFSET"):
		p.skip()
		offset = p.count()
	case p.is("ROWS"):
		p.refuse("LIMIT … ROWS EXAMINED, which gives a part of the answer without saying so", "Leave it out; time and rows are bounded anyway")
	}
	return rows, offset
}

func (p *parser) count() uint64 {
	t := p.peek()
	n, err := strconv.ParseUint(t.value, 10, 64)
	if t.kind != number || err != nil {
		p.unexpected("LIMIT takes whole numbers")
		return 0
	}
	p.skip()
	return n
}

// with reads WITH [RECURSIVE] name [(columns)] AS (query), …
func (p *parser) with() {
	p.want("WITH")
	recursive := p.take("RECURSIVE")
	for {
		t := p.peek()
		n := p.name("WITH gives a name")
		if slices.Contains(p.done.With, n) {
			p.refuseAt(t, "the name "+n+" is given twice by WITH", "Take another")
		}
		if recursive {
			p.remember(n)
		}
		if p.take("(") {
			p.names()
			p.want(")")
		}
		p.want("AS")
		p.want("(")
		if recursive {
			p.inWith++
		}
		p.query(false)
		if recursive {
			p.inWith--
		}
		p.want(")")
		if !recursive {
			p.remember(n)
		}
		if !p.take(",") {
			return
		}
	}
}

func (p *parser) remember(n string) {
	if p.refusal == nil {
		p.done.With = append(slices.Clip(p.done.With), n)
	}
}

func (p *parser) names() {
	for p.name("wanted is a name"); p.take(","); {
		p.name("wanted is a name")
	}
}

// term reads SELECT … or (query).
func (p *parser) term() {
	switch {
	case p.is("SELECT"):
		p.selectBlock()
	case p.is("("):
		p.write(" ")
		p.want("(")
		p.query(false)
		p.want(")")
	default:
		p.unexpected("wanted is SELECT")
	}
}

// beginsQuery reports whether the parentheses that stand next may hold a query.
func (p *parser) beginsQuery() bool {
	n := 0
	for p.ahead(n).kind == sign && p.ahead(n).value == "(" {
		n++
	}
	t := p.ahead(n)
	return n > 0 && t.kind == word && (t.value == "SELECT" || t.value == "WITH")
}

func (p *parser) selectBlock() {
	outer := p.block
	p.block = &block{factor: 1, recursive: p.inWith > 0}
	p.blocks = append(p.blocks, p.block)
	p.nested(p.selectClauses)
	p.block = outer
}

func (p *parser) selectClauses() {
	p.want("SELECT")
	for p.takeAny("ALL", "DISTINCT", "DISTINCTROW", "STRAIGHT_JOIN", "SQL_NO_CACHE") {
	}
	p.items()
	if p.take("FROM") {
		if !p.take("DUAL") {
			p.tables()
		}
	}
	if p.take("WHERE") {
		p.where()
	}
	if p.takeWords("GROUP", "BY") {
		p.orderList()
		p.takeWords("WITH", "ROLLUP")
	}
	if p.take("HAVING") {
		p.expr()
	}
	if p.take("WINDOW") {
		for {
			p.name("WINDOW gives a name")
			p.want("AS")
			p.window()
			if !p.take(",") {
				break
			}
		}
	}
}

// where reads a condition in which the block's own aggregates cannot stand.
func (p *parser) where() {
	if p.refusal != nil {
		return
	}
	p.block.inWhere++
	p.expr()
	p.block.inWhere--
}

// items reads a select list.
func (p *parser) items() {
	for n := 1; ; n++ {
		if n > maxItems {
			p.refuse(fmt.Sprintf("more than %d columns", maxItems), "")
		}
		p.item()
		if !p.take(",") {
			return
		}
	}
}

func (p *parser) item() {
	if p.take("*") || p.allOfTable() {
		return
	}
	begin := p.peek()
	first := p.at
	p.expr()
	if p.refusal != nil {
		return
	}
	alone := p.at-first == 1
	switch t := p.peek(); {
	case p.take("AS"):
		if t := p.peek(); t.kind == text && nameable(t.value) {
			p.skip()
			p.write(" " + quoteName(t.value))
			return
		}
		p.name("AS gives a name")
	case t.kind == name || t.kind == word && !reserved[t.value]:
		p.name("a name")
	case t.kind == text:
		p.refuse("a string right behind a value", "Write AS before a name")
	case p.isColumn(first):
	default:
		// As MariaDB names it: by what was written.
		written := p.source[begin.start:p.tokens[p.at-1].end]
		switch {
		case alone && begin.kind == text:
			written = begin.value
		case strings.ContainsAny(written, "\t\n\v\f\r"):
			written = strings.Join(strings.Fields(written), " ")
		}
		if nameable(written) {
			p.write(" AS " + quoteName(written))
		}
	}
}

// maxAlias is how long a name of a column may be.
const maxAlias = 256

// nameable reports whether a column can have a name.
func nameable(s string) bool {
	odd := func(r rune) bool { return r > 0xFFFF || r < ' ' || r == 0x7f }
	return s != "" && strings.TrimSpace(s) == s && len([]rune(s)) <= maxAlias && !strings.ContainsFunc(s, odd)
}

// isColumn reports whether the tokens from first on are a column's name.
func (p *parser) isColumn(first int) bool {
	for i, t := range p.tokens[first:p.at] {
		if odd := i%2 == 1; odd != (t.kind == sign && t.value == ".") || !odd && t.kind != word && t.kind != name {
			return false
		}
	}
	t := p.tokens[p.at-1]
	return t.kind == name || !reserved[t.value]
}

// allOfTable reads t.*.
func (p *parser) allOfTable() bool {
	if _, ok := p.nameOf(p.peek()); !ok {
		return false
	}
	point, star := p.ahead(1), p.ahead(2)
	if point.kind != sign || point.value != "." || star.kind != sign || star.value != "*" {
		return false
	}
	p.name("a table")
	p.want(".")
	p.write("*")
	p.skip()
	return true
}

// orderList reads what ORDER BY, GROUP BY and PARTITION BY take.
func (p *parser) orderList() {
	for {
		p.expr()
		p.takeAny("ASC", "DESC")
		if !p.take(",") {
			return
		}
	}
}
