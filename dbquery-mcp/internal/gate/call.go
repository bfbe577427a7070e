package gate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// call reads a function that MariaDB has built in.
func (p *parser) call(t token) value {
	c := functions[t.value]
	switch {
	case withOwnGrammar[t.value]:
		return p.special(t)
	case c == unknown:
		p.refuse("the function "+cut(t.value, 64), "Allowed are the pure functions that MariaDB 10.6 has: of text, numbers, dates, JSON, aggregates and windows")
		return small
	}
	p.skip()
	p.write(" " + t.value)
	p.want("(")
	v := small
	switch {
	case p.is(")"):
	case c == aggregate || c == gathers:
		v = p.gathered(t.value)
	default:
		v = p.arguments(c)
	}
	p.want(")")
	if c == gathers && p.block != nil && p.refusal == nil {
		p.block.aggregates = true
	}
	p.over(t, c)
	return v
}

// arguments reads the arguments of a function of one of the simple classes.
func (p *parser) arguments(c class) value {
	var all []value
	for {
		// INTERVAL is a unit of time, and a function as well.
		if !p.is("INTERVAL") || !p.attempt(p.interval) {
			all = append(all, p.expr())
		}
		if !p.take(",") {
			break
		}
	}
	switch c {
	case picks, window:
		return longest(all...)
	case joins:
		v := joined(all...)
		v.chars = plus(v.chars, 2*len(all))
		return v
	case doubles:
		return joined(all...).times(6)
	case unknown, short, aggregate, gathers:
	}
	return small
}

func plus(chars, more int) int {
	if chars == notKnown {
		return chars
	}
	return chars + more
}

// gathered reads what stands in an aggregate's parentheses.
func (p *parser) gathered(function string) value {
	v := small
	p.take("DISTINCT")
	if !p.take("*") {
		v = p.list()
	}
	if function == "GROUP_CONCAT" || function == "JSON_ARRAYAGG" {
		if p.takeWords("ORDER", "BY") {
			p.orderList()
		}
		if p.take("SEPARATOR") {
			p.text("SEPARATOR takes a string")
		}
		if p.is("LIMIT") {
			first, _ := p.limit()
			p.write(" LIMIT " + strconv.FormatUint(first, 10))
		}
		return value{factor: 1, chars: notKnown}
	}
	return v
}

// over reads WITHIN GROUP (ORDER BY …) and OVER (…) or OVER name.
func (p *parser) over(t token, c class) {
	if c == window && p.takeWords("WITHIN", "GROUP") {
		p.want("(")
		p.want("ORDER")
		p.want("BY")
		p.orderList()
		p.want(")")
	}
	switch {
	case c != aggregate && c != window && c != gathers:
	case p.take("OVER"):
		if p.is("(") {
			p.window()
		} else {
			p.name("OVER takes a window")
		}
	case c == window:
		p.unexpected(t.value + " needs OVER (…)")
	}
}

// window reads ([name] [PARTITION BY …] [ORDER BY …] [frame]).
func (p *parser) window() {
	p.want("(")
	if t := p.peek(); t.kind == name || t.kind == word && !reserved[t.value] {
		p.name("a window")
	}
	if p.takeWords("PARTITION", "BY") {
		p.list()
	}
	if p.takeWords("ORDER", "BY") {
		p.orderList()
	}
	if p.takeAny("ROWS", "RANGE") {
		if p.take("BETWEEN") {
			p.edge()
			p.want("AND")
		}
		p.edge()
	}
	p.want(")")
}

func (p *parser) edge() {
	switch {
	case p.takeWords("CURRENT", "ROW"):
		return
	case p.take("UNBOUNDED"):
	case p.is("INTERVAL"):
		p.interval()
	default:
		p.sum()
	}
	if !p.takeAny("PRECEDING", "FOLLOWING") {
		p.unexpected("wanted is PRECEDING or FOLLOWING")
	}
}

// special reads the functions with a grammar or a limit of their own.
func (p *parser) special(t token) (v value) {
	p.skip()
	p.write(" " + t.value)
	if t.value == "EXISTS" {
		p.subquery()
		return small
	}
	p.want("(")
	switch t.value {
	case "CAST":
		v = p.expr()
		p.want("AS")
		v = p.castTo(v)
	case "CONVERT":
		v = p.expr()
		if p.take("USING") {
			v = p.recoded(v)
		} else {
			p.want(",")
			v = p.castTo(v)
		}
	case "EXTRACT":
		p.unit()
		p.want("FROM")
		p.expr()
		v = small
	case "TIMESTAMPDIFF", "TIMESTAMPADD":
		p.unit()
		p.want(",")
		p.list()
		v = small
	case "CHAR":
		p.list()
		if p.take("USING") {
			p.name("wanted is a character set")
		}
		v = value{factor: 1, chars: notKnown}
	case "TRIM":
		v = p.trim()
	case "POSITION":
		p.looksFor(t, p.sum())
		p.want("IN")
		p.expr()
		v = small
	case "SUBSTRING", "SUBSTR", "LEFT", "RIGHT":
		v = p.part()
	case "REPEAT", "SPACE", "LPAD", "RPAD":
		v = p.padded(t)
	case "EXTRACTVALUE", "UPDATEXML":
		v = p.xml(t)
	default:
		v = p.search(t)
	}
	p.want(")")
	return v
}

// search reads the functions that look for one argument in another.
func (p *parser) search(t token) value {
	begin := p.at
	args := []value{p.expr()}
	for p.take(",") {
		args = append(args, p.expr())
	}
	given := len(args)
	for len(args) < 3 { // the server says that one is missing
		args = append(args, small)
	}
	switch t.value {
	case "LOCATE":
		p.looksFor(t, args[0])
	case "INSTR", "JSON_CONTAINS":
		p.looksFor(t, args[1])
	case "JSON_SEARCH": // gives a path for each match
		p.looksFor(t, args[2])
		return args[0].times(64)
	case "JSON_EXTRACT": // gives what is at each path, and ** goes through all depths
		if path := args[1]; given > 2 || !p.oneMatch(begin) {
			return longest(args[0], path).times(32 * given)
		}
		return args[0]
	case "SUBSTRING_INDEX":
		p.looksFor(t, args[1])
		return args[0]
	case "REPLACE":
		p.looksFor(t, args[1])
		return args[0].times(p.replacement(args[2]))
	case "REGEXP_SUBSTR":
		p.matches(t, args[0])
		return args[0]
	case "REGEXP_REPLACE":
		p.matches(t, args[0])
		return args[0].times(p.replacement(args[2]) + 1) // one more between any two characters
	case "REGEXP_INSTR":
		p.matches(t, args[0])
	}
	return small
}

// oneMatch reports whether the tokens from begin on are a value and one path that
// stands as a string and has no **.
func (p *parser) oneMatch(begin int) bool {
	if p.refusal != nil {
		return true
	}
	last := p.tokens[p.at-1]
	return p.at-begin >= 3 && last.kind == text && p.tokens[p.at-2].value == "," && !strings.Contains(last.value, "**")
}

// replacement is how many times longer a string may become by it.
func (p *parser) replacement(by value) int {
	if by.chars == notKnown {
		return maxGrowth + 1
	}
	return by.chars
}

// part reads SUBSTRING and its like: (x FROM a FOR b), (x, a, b), LEFT(x, n).
func (p *parser) part() value {
	v := p.expr()
	n := notKnown
	for p.takeAny("FROM", "FOR", ",") {
		n = notKnown
		if t := p.peek(); t.kind == number {
			if i, err := strconv.Atoi(t.value); err == nil {
				n = i
			}
		}
		from := p.tokens[min(p.at, len(p.tokens)-1)]
		if p.expr(); p.refusal == nil && p.tokens[p.at-1].start != from.start {
			n = notKnown // more than the number
		}
	}
	if n != notKnown && n <= maxNeedle {
		return value{factor: 1, chars: n}
	}
	return v
}

// padded reads the functions that make strings longer by a number.
func (p *parser) padded(t token) value {
	v := value{factor: 1, chars: 1}
	if t.value != "SPACE" {
		v = p.expr()
		p.want(",")
	}
	n := p.bounded(t)
	if t.value == "REPEAT" || t.value == "SPACE" {
		return v.times(n)
	}
	if p.take(",") {
		p.expr()
	}
	return value{factor: v.factor, chars: notKnown}
}

// bounded reads a whole number, or LEAST(expression, whole number).
func (p *parser) bounded(t token) int {
	begin := p.at
	whole := func(t token) int {
		if n, err := strconv.Atoi(t.value); err == nil && t.kind == number {
			return n
		}
		return notKnown
	}
	n := whole(p.peek())
	least := p.isWords("LEAST", "(")
	p.expr()
	if p.refusal != nil {
		return 1
	}
	read := p.tokens[begin:p.at]
	switch {
	case len(read) == 1:
	case least && closes(read[1:]) && len(read) > 4 && read[len(read)-3].value == ",":
		n = whole(read[len(read)-2])
	default:
		n = notKnown
	}
	if n < 0 || n > maxRepeat {
		p.refuseAt(t, fmt.Sprintf("%s without a whole number up to %d", t.value, maxRepeat), "Write "+t.value+"(x, 20) or "+t.value+"(x, LEAST(n, 100))")
		return 1
	}
	return n
}

// closes reports whether the first parenthesis is closed by the last one.
func closes(tokens []token) bool {
	depth := 0
	for i, t := range tokens {
		if t.kind != sign {
			continue
		}
		depth += strings.Count(t.value, "(") - strings.Count(t.value, ")")
		if depth == 0 {
			return i == len(tokens)-1
		}
	}
	return false
}

// xml reads EXTRACTVALUE and UPDATEXML. A path of any length is a program that
// nothing can stop, so it is cut to one of a length that a person writes.
func (p *parser) xml(t token) value {
	v := p.expr()
	if v.chars == notKnown || v.chars > maxNeedle {
		p.refuseAt(t, t.value+" of more than a short literal", "XML is read with LEFT(x, 255)")
	}
	p.want(",")
	before := len(p.out)
	if path := p.expr(); p.refusal == nil && (path.chars == notKnown || path.chars > maxNeedle) {
		p.out[before] = strings.TrimPrefix(p.out[before], " ")
		p.out = slices.Insert(p.out, before, " LEFT", "(")
		p.write(", " + strconv.Itoa(maxNeedle) + ")")
	}
	if p.take(",") {
		v = longest(v, p.expr())
	}
	return value{factor: v.factor, chars: notKnown}
}

func (p *parser) trim() value {
	if p.takeAny("BOTH", "LEADING", "TRAILING") {
		if !p.is("FROM") {
			p.expr()
		}
		p.want("FROM")
		return p.expr()
	}
	v := p.expr()
	if p.take("FROM") {
		v = p.expr()
	}
	return v
}

// recoded reads a character set. A character may become four bytes, and each of
// them a character again.
func (p *parser) recoded(v value) value {
	p.name("wanted is a character set")
	return v.times(4)
}

// castTo reads a type; v is what is cast.
func (p *parser) castTo(v value) value {
	t := p.peek()
	sized := func(places int) {
		if !p.take("(") {
			return
		}
		for i := range places {
			if i > 0 && !p.take(",") {
				break
			}
			p.write(" " + strconv.FormatUint(p.count(), 10))
		}
		p.want(")")
	}
	switch {
	case p.takeAny("CHAR", "NCHAR", "VARCHAR", "BINARY"):
		sized(1)
		if p.takeWords("CHARACTER", "SET") || p.take("CHARSET") {
			return p.recoded(v)
		}
		return v
	case p.takeAny("SIGNED", "UNSIGNED"):
		p.take("INTEGER")
	case p.takeAny("INTEGER", "INT", "DATE", "YEAR", "FLOAT"):
	case p.takeAny("DECIMAL", "DEC"):
		sized(2)
	case p.takeAny("DATETIME", "TIME"):
		sized(1)
	case p.take("DOUBLE"):
		p.take("PRECISION")
	default:
		p.refuse(fmt.Sprintf("the type %q", cut(p.source[t.start:t.end], 40)), "CAST takes CHAR, SIGNED, UNSIGNED, DECIMAL, DOUBLE, DATE, DATETIME, TIME and BINARY")
	}
	return small
}
