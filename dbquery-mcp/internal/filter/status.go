package filter

import (
	"errors"
	"strconv"
	"strings"
)

// group is a run of status words: "failed or pending refunds".
type group struct {
	not    *word
	after  bool // negated by what follows it
	closed bool // what comes next belongs to another group
	terms  []term
}

// term is one status word of a group.
type term struct {
	set        set
	noun       bool // stands for itself; else it narrows a noun
	joined     bool // by "and", "or" or a comma to the one before
	start, end int
}

// status consumes a status, a family, or "payments", which is any status.
func (p *parser) status(e entry, end int) error {
	t := term{set: e.set, noun: e.noun, start: p.pos, end: end}
	anyStatus := e.set == allStatuses
	role := RoleStatus
	if anyStatus {
		role = RoleFiller
	}
	open := p.last == RoleStatus && len(p.statuses) > 0 && !p.statuses[len(p.statuses)-1].closed
	switch {
	case anyStatus && !open && (p.last != "" || p.join != nil || p.not != nil):
		// "over 10,000 in all payments", "not the payments refunded"
		p.take(role, end)
		return p.glue(nil)
	case p.not != nil:
		if p.join != nil && p.join.kind == kindOr {
			return p.refuse(Ambiguous, p.join.start, end, `"or" before a negation can be read in two ways; say what is wanted, or ask twice`)
		}
		p.statuses = append(p.statuses, group{not: p.not, closed: p.not.tight})
	case p.join != nil && p.last == RoleStatus && open:
		t.joined = true
	case p.join != nil && p.join.kind == kindOr:
		return p.refuse(Unsupported, p.join.start, end, orJoins)
	case p.join != nil && len(p.statuses) > 0:
		return p.refuse(Ambiguous, p.join.start, end, "can add a status to those before or narrow them; name all statuses side by side")
	case !open || anyStatus && p.join != nil:
		p.statuses = append(p.statuses, group{})
	}
	p.not, p.join = nil, nil
	if !anyStatus {
		p.among = nil
	}
	g := &p.statuses[len(p.statuses)-1]
	g.terms = append(g.terms, t)
	p.take(role, end)
	p.last = RoleStatus
	if anyStatus {
		return p.glue(nil)
	}
	return p.glue(&g.terms[len(g.terms)-1])
}

// notStatus consumes a status with its negation: 환불되지 않은.
func (p *parser) notStatus(e entry, end int) error {
	if p.not != nil || p.join != nil && p.join.kind == kindOr {
		return p.refuse(Ambiguous, p.pos, end, "can be read in two ways; say what is wanted, or ask twice")
	}
	p.statuses = append(p.statuses, group{not: &word{start: p.pos, end: end, tight: true}, closed: true, terms: []term{{set: e.set, start: p.pos, end: end}}})
	p.join, p.among = nil, nil
	p.take(RoleStatus, end)
	p.last = RoleStatus
	return nil
}

func (p *parser) closeStatuses() {
	if n := len(p.statuses); n > 0 {
		p.statuses[n-1].closed = true
	}
}

// statusKey consumes "status", which a status must follow.
func (p *parser) statusKey(end int) error {
	start := p.pos
	p.take(RoleStatus, end)
	if err := p.glue(nil); err != nil {
		return err
	}
	if at := p.skipAssign(p.pos); at > p.pos && strings.TrimSpace(p.text[p.pos:at]) != "" {
		p.spans[len(p.spans)-1].End = at
		p.pos = at
	}
	for {
		p.pos = p.skipSpace(p.pos)
		e, next := lookup(p.text, p.pos)
		if _, size := quoteAt(p.text, p.pos); size > 0 { // status = 'FAILED'
			return p.quotedStatus()
		}
		switch {
		case p.pos == len(p.text):
			return p.refuse(Incomplete, start, end, whichStatus)
		case e == nil:
			err := p.unknown(p.pos)
			if u, ok := errors.AsType[*UnknownWord](err); ok {
				return unknownStatus(u.Word, u.Position)
			}
			return err
		case e.kind == kindFiller || e.kind == kindPreposition:
			p.take(RoleFiller, next)
		case e.kind == kindStatus || e.kind == kindNotStatus || e.kind == kindNot:
			p.dangling = nil
			return nil
		default:
			return p.refuse(Incomplete, start, next, whichStatus)
		}
	}
}

// quotedStatus consumes a status in quotes, as those who write SQL say it.
func (p *parser) quotedStatus() error {
	v, end, err := p.quotedValue(p.pos)
	if err != nil {
		return err
	}
	e, n := lookup(v, 0, kindStatus)
	if e == nil || n != len(v) {
		return unknownStatus(v, p.position(p.pos))
	}
	return p.status(*e, end)
}

// negateLast makes the status words before 제외 a negation.
func (p *parser) negateLast(e entry, start, end int) error {
	g := &p.statuses[len(p.statuses)-1]
	w := &word{start: start, end: end, tight: true}
	switch {
	case g.closed && g.not == nil:
		return p.refuse(Incomplete, start, end, "excludes what? It follows what it excludes")
	case g.not != nil:
		return p.refuse(Ambiguous, start, end, "is a double negation; say what is wanted")
	}
	if e.tight { // 실패하지 않은: of this word alone
		n := len(g.terms) - 1
		t := g.terms[n]
		if t.set == allStatuses || t.joined {
			return p.refuse(Ambiguous, g.terms[0].start, end, "can be read in two ways; say what is wanted, or ask twice")
		}
		g.terms = g.terms[:n]
		if n == 0 {
			p.statuses = p.statuses[:len(p.statuses)-1]
		}
		p.statuses = append(p.statuses, group{not: w, closed: true, terms: []term{t}})
		return nil
	}
	named := 0
	for _, t := range g.terms {
		if t.set == allStatuses {
			continue
		}
		if named > 0 && !t.joined {
			return p.refuse(Ambiguous, g.terms[0].start, end, "can exclude all of that or its last word; say \"중에서\" or a comma before what is excluded, or name one status as in \"환불 실패 제외\"")
		}
		named++
	}
	if named == 0 {
		return p.refuse(Incomplete, start, end, "excludes what? It follows the status or the merchant that it excludes")
	}
	g.not, g.closed, g.after = w, true, true
	return nil
}

// statusSets evaluates the groups: those without a negation narrow each other,
// and the negated ones are taken away.
func (p *parser) statusSets() (names, notNames []string, err error) {
	only, not := allStatuses, set(0)
	for _, g := range p.statuses {
		s, err := p.eval(g)
		if err != nil {
			return nil, nil, err
		}
		if g.not == nil {
			only &= s
		} else {
			not |= s
		}
	}
	switch {
	case only == allStatuses && not == allStatuses, only&^not == 0:
		first, last := p.statuses[0], p.statuses[len(p.statuses)-1]
		return nil, nil, p.refuse(Contradiction, first.terms[0].start, last.terms[len(last.terms)-1].end, `no status is all of that; to ask for several say "or"`)
	case only == allStatuses:
		return nil, not.names(), nil
	}
	return (only &^ not).names(), nil, nil
}

// eval finds the statuses of a group. Words side by side narrow each other,
// joined ones add up. Where an adjective or a noun might be meant for both
// sides of the joint and that makes a difference, the group is refused.
func (p *parser) eval(g group) (set, error) {
	var segments [][]term
	for _, t := range g.terms {
		if t.joined || len(segments) == 0 {
			segments = append(segments, nil)
		}
		last := &segments[len(segments)-1]
		*last = append(*last, t)
	}
	start, end := g.terms[0].start, g.terms[len(g.terms)-1].end
	if g.not != nil && !g.after && !g.not.tight {
		start = g.not.start
		named := 0
		for _, t := range g.terms {
			if t.set != allStatuses {
				named++
			}
		}
		if g.not.kind == kindNot && named > 1 {
			return 0, p.refuse(Ambiguous, start, end, `"not" can be meant for the first word or for all; say "except" before what is excluded, or name one status`)
		}
	}
	var alone, shared set
	for n, s := range segments {
		one := meet(s)
		if one == 0 {
			return 0, p.refuse(Contradiction, s[0].start, s[len(s)-1].end, `no status is all of that; to ask for several say "or"`)
		}
		alone |= one
		for _, u := range segments[n+1:] {
			if !has(s, true) && has(u, true) {
				one &= meet(pick(u, true)) // "failed or pending refunds"
				break
			}
		}
		if n > 0 && !has(s, false) && has(segments[n-1], true) {
			one &= meet(pick(segments[n-1], false)) // "failed refunds or captures"
		}
		shared |= one
	}
	if alone != shared {
		return 0, p.refuse(Ambiguous, start, end, "can be read in two ways: as "+oneOrNone(alone)+", or as "+oneOrNone(shared)+"; repeat the words for each side, as in "+strconv.Quote("failed refunds or failed captures"))
	}
	return alone, nil
}

func oneOrNone(s set) string {
	if s == 0 {
		return "nothing"
	}
	return oneOf(s.names())
}

func meet(terms []term) set {
	s := allStatuses
	for _, t := range terms {
		s &= t.set
	}
	return s
}

func has(terms []term, noun bool) bool { return len(pick(terms, noun)) > 0 }

func pick(terms []term, noun bool) (out []term) {
	for _, t := range terms {
		if t.noun == noun {
			out = append(out, t)
		}
	}
	return out
}
