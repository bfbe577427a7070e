package filter

import (
	"fmt"
	"strconv"
	"strings"
)

// integer reads digits at i that are neither an amount, a count, nor a time.
func (p *parser) integer(i int, orCount bool) (end int, ok bool) {
	l, err := p.literal(i)
	if err != nil || !l.ok || !l.plain || p.timed(i, l) || p.compared(l.end) {
		return i, false
	}
	if _, count := p.counted(l.end); count && !orCount {
		return i, false
	}
	return l.end, true
}

func (p *parser) limitKey(end int) error {
	at := p.skipAssign(end)
	stop, ok := p.integer(at, true)
	if !ok {
		return p.refuse(Incomplete, p.pos, end, fmt.Sprintf("needs a number from 1 to %d", MaxLimit))
	}
	noun := stop
	if n, ok := p.counted(stop); ok {
		noun = n
	}
	return p.setLimit(at, stop, noun)
}

// topKey consumes "top 10", which must be said by what.
func (p *parser) topKey(end int) error {
	w := &word{start: p.pos, end: end}
	if err := p.limitKey(end); err != nil {
		return err
	}
	if p.order == "" {
		p.top = w
	}
	return nil
}

// setLimit consumes up to end and takes the number between at and stop.
func (p *parser) setLimit(at, stop, end int) error {
	start := p.pos
	n, err := strconv.Atoi(p.text[at:stop])
	if err != nil || n < 1 || n > MaxLimit {
		return p.refuse(OutOfRange, start, end, fmt.Sprintf("the limit must be from 1 to %d", MaxLimit))
	}
	if p.limit != 0 && p.limit != n {
		return p.refuse(Contradiction, start, end, fmt.Sprintf("the limit was %d before; say one", p.limit))
	}
	if err := p.condition(RoleLimit, end); err != nil {
		return err
	}
	p.limit = n
	return p.glue(nil)
}

// orderBy consumes an order and the number that may go with it: "latest 10".
func (p *parser) orderBy(o Order, end int) error {
	start := p.pos
	if p.order != "" && p.order != o {
		return p.refuse(Contradiction, start, end, "the order was "+string(p.order)+" first before; say one")
	}
	if err := p.condition(RoleOrder, end); err != nil {
		return err
	}
	p.order, p.top = o, nil
	if err := p.glue(nil); err != nil {
		return err
	}
	at := p.skipSpace(p.pos)
	if l, err := p.literal(at); err == nil && l.ok && p.countOrMoney(at, l) {
		return p.refuse(Ambiguous, start, l.end, `an amount, or so many payments in that currency? Say "amount" before an amount, "limit" before a count`)
	}
	if stop, ok := p.integer(at, true); ok {
		noun := stop
		if n, ok := p.counted(stop); ok {
			noun = n
		}
		p.pos = at
		return p.setLimit(at, stop, noun)
	}
	return nil
}

// openOrder consumes "by amount", which only "top" gives a direction.
func (p *parser) openOrder(words string, end int) error {
	if p.top == nil {
		return p.refuse(Ambiguous, p.pos, end, `in which direction? Say "newest first", "oldest first", "largest first" or "smallest first"`)
	}
	if strings.Contains(words, "amount") || strings.Contains(words, "금액") {
		return p.orderBy(Largest, end)
	}
	return p.orderBy(Newest, end)
}
