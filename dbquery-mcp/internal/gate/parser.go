package gate

import (
	"fmt"
	"slices"
	"strings"
)

// parser reads tokens by the grammar and writes what it understood to out. A func
// of it returns with refusal set as soon as something is not in the grammar; the
// callers then unwind without reading on, as every look at a token says no.
type parser struct {
	source  string
	tokens  []token
	at      int
	out     []string
	depth   int
	steps   int
	refusal *Refusal
	// furthest is the refusal of an attempt that came the furthest.
	furthest   *Refusal
	furthestAt int

	done   Statement
	blocks []*block // all that were read
	block  *block   // the one that is read now
	inWith int      // how many bodies of WITH RECURSIVE we are in
}

func (p *parser) peek() token {
	if p.refusal != nil {
		return token{}
	}
	return p.tokens[p.at]
}

func (p *parser) ahead(n int) token {
	if p.refusal != nil {
		return token{}
	}
	return p.tokens[min(p.at+n, len(p.tokens)-1)]
}

func (p *parser) is(value string) bool {
	t := p.peek()
	return (t.kind == word || t.kind == sign) && t.value == value
}

// isWords reports whether these words and signs stand next.
func (p *parser) isWords(values ...string) bool {
	for i, v := range values {
		if t := p.ahead(i); t.kind != word && t.kind != sign || t.value != v {
			return false
		}
	}
	return p.refusal == nil
}

func (p *parser) isAny(values ...string) bool { return slices.ContainsFunc(values, p.is) }

// skip takes a token without writing it.
func (p *parser) skip() token {
	t := p.peek()
	if p.refusal == nil && t.kind != endOfText {
		p.at++
	}
	if p.steps++; p.steps > maxSteps {
		p.refuse("parentheses that can be read in too many ways", "Write it more simply")
	}
	return t
}

// write writes words, signs and literals of ours.
func (p *parser) write(s string) {
	if p.refusal != nil {
		return
	}
	if n := len(p.out); n == 0 || p.out[n-1] == "(" || p.out[n-1] == "." {
		s = strings.TrimPrefix(s, " ")
	}
	if s != "" {
		p.out = append(p.out, s)
	}
}

// take takes a word or sign if it stands next, and writes it.
func (p *parser) take(value string) bool {
	if !p.is(value) {
		return false
	}
	p.skip()
	switch value {
	case "(", ")", ",", ".":
		p.write(value)
	default:
		p.write(" " + value)
	}
	return true
}

func (p *parser) takeAny(values ...string) bool { return slices.ContainsFunc(values, p.take) }

// takeWords takes several words if all of them stand next.
func (p *parser) takeWords(values ...string) bool {
	if !p.isWords(values...) {
		return false
	}
	for _, v := range values {
		p.take(v)
	}
	return true
}

func (p *parser) want(value string) {
	if !p.take(value) {
		p.unexpected("wanted is " + value)
	}
}

func (p *parser) refuseAt(t token, what, instead string) {
	if p.refusal == nil {
		p.refusal = refuse(p.source, t.start, what, instead)
		if p.furthest == nil || p.at >= p.furthestAt {
			p.furthest, p.furthestAt = p.refusal, p.at
		}
	}
}

func (p *parser) refuse(what, instead string) { p.refuseAt(p.peek(), what, instead) }

// unexpected refuses the token that stands next, with the reason where it is known.
func (p *parser) unexpected(hint string) {
	t := p.peek()
	switch clause, known := clauses[t.value]; {
	case t.kind == endOfText:
		p.refuse("the text ends too early", hint)
	case t.kind == word && known:
		p.refuse(clause, "Only plain reading is allowed; leave it out")
	case t.kind == sign && t.value == ";":
		p.refuse("more than one statement", "Send one SELECT at a time")
	default:
		p.refuse(fmt.Sprintf("%q is not in what is allowed here", cut(p.source[t.start:t.end], 40)), hint)
	}
}

func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n]) + "…"
	}
	return s
}

// nested bounds how deep the grammar goes.
func (p *parser) nested(f func()) {
	if p.depth++; p.depth > maxDepth {
		p.refuse(fmt.Sprintf("more than %d levels of parentheses", maxDepth), "Write it more simply")
	}
	if p.refusal == nil {
		f()
	}
	p.depth--
}

// attempt reads with f, and takes all of it back if that is refused.
func (p *parser) attempt(f func()) bool {
	if p.refusal != nil {
		return false
	}
	before := *p
	var was block
	if p.block != nil {
		was = *p.block
	}
	f()
	if p.refusal == nil || p.steps > maxSteps {
		return p.refusal == nil
	}
	steps, furthest, furthestAt := p.steps, p.furthest, p.furthestAt
	*p = before
	p.steps, p.furthest, p.furthestAt = steps, furthest, furthestAt
	if p.block != nil {
		*p.block = was
	}
	return false
}

// quoteName writes a name so that it can be nothing else.
func quoteName(s string) string { return "`" + strings.ReplaceAll(s, "`", "``") + "`" }

// quoteText writes a string so that it ends at the same place whether or not
// backslashes escape.
func quoteText(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(s) + "'"
}

// nameOf returns the name that a token is, if it can be one.
func (p *parser) nameOf(t token) (string, bool) {
	switch {
	case t.kind == name:
		return t.value, true
	case t.kind == word && !reserved[t.value]:
		return p.source[t.start:t.end], true
	}
	return "", false
}

// name takes a name and writes it quoted.
func (p *parser) name(hint string) string {
	n, ok := p.nameOf(p.peek())
	if !ok || p.refusal != nil {
		p.unexpected(hint)
		return ""
	}
	p.skip()
	p.write(" " + quoteName(n))
	return n
}

// text takes a string.
func (p *parser) text(hint string) {
	if t := p.peek(); t.kind == text {
		p.skip()
		p.write(" " + quoteText(t.value))
		return
	}
	p.unexpected(hint)
}
