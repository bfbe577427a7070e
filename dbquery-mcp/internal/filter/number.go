package filter

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"payops-mcp/shared/when"
)

// currencyBefore reads a sign or code that stands before a number at i.
func (p *parser) currencyBefore(i int) (code string, end int) {
	for _, c := range currencies {
		if c.sign != "" && strings.HasPrefix(p.text[i:], c.sign) && (i == 0 || !isLetter(p.text[i-1])) {
			return c.code, p.skipSpace(i + len(c.sign))
		}
		if end, ok := matchWords(p.text, i, c.code); ok {
			if at := p.skipSpace(end); at < len(p.text) && isDigit(p.text[at]) {
				return c.code, at
			}
		} else if at := i + len(c.code); at < len(p.text) && strings.EqualFold(p.text[i:at], c.code) && isDigit(p.text[at]) {
			return c.code, at // KRW10000
		}
	}
	return "", i
}

// currencyAfter reads a currency that follows a number that ends at i.
func (p *parser) currencyAfter(i int) (code string, end int) {
	at := p.skipSpace(i)
	for _, c := range currencies {
		if end, ok := matchAny(p.text, at, c.after); ok {
			return c.code, end
		}
		if end, ok := matchAny(p.text, at, c.words); ok {
			// "10,000 KRW 5,000" is not two amounts but a riddle; the code
			// goes with what it follows.
			return c.code, end
		}
	}
	return "", i
}

// comparedAfter reads a comparison that follows an amount that ends at i.
func (p *parser) comparedAfter(i int) (op operator, end int, ok bool) {
	at := p.skipSpace(i)
	for _, e := range compareAfter {
		if end, ok := matchWords(p.text, at, e.words); ok {
			return e.op, end, true
		}
	}
	return 0, i, false
}

func (p *parser) compared(i int) bool {
	_, _, ok := p.comparedAfter(i)
	return ok
}

// counted reads the "payments" or 건 of a count that ends at i.
func (p *parser) counted(i int) (end int, ok bool) {
	end, ok = matchAny(p.text, p.skipSpace(i), countNouns)
	// In "payment 1 payment 2" the second one has a number of its own.
	if at := p.skipSpace(end); ok && at < len(p.text) && (isDigit(p.text[at]) || p.text[at] == '#') {
		return i, false
	}
	return end, ok
}

// timed reports whether a time, or a length of it, stands at start where l was
// read as an amount.
func (p *parser) timed(start int, l literal) bool {
	return p.timeEnd(start, l) > start
}

// timeEnd is where that time ends, or start if there is none.
func (p *parser) timeEnd(start int, l literal) int {
	if l.currency == "" && !l.scaled {
		if _, n, _ := when.Match(p.text[start:]); n > 0 && start+n > l.end {
			return start + n
		}
	}
	return start
}

// number consumes what begins with a number and says what it is: an amount
// with its currency or comparison, or a limit. It does nothing if no number
// stands here. With named, "amount" was said before it.
func (p *parser) number(named bool) (bool, error) {
	start := p.pos
	l, err := p.literal(start)
	if err != nil || !l.ok {
		return false, err
	}
	if p.timed(start, l) {
		return false, nil
	}
	if hi, end, ok, err := p.upTo(l, false); err != nil {
		return false, err
	} else if ok {
		if !named && l.currency == "" && hi.currency == "" && !p.after("from") {
			return false, p.refuse(Ambiguous, start, end, `is it a range of amounts? Say "between" or the currency`)
		}
		if !named && p.counts(hi, end) {
			return false, p.refuse(Ambiguous, start, end, countsPayments)
		}
		return true, p.amountRange(l, hi, start, end)
	}
	if noun, ok := p.counted(l.end); ok && l.plain && !named {
		if p.compared(noun) {
			return false, p.refuse(Ambiguous, start, noun, countsPayments)
		}
		return true, p.setLimit(start, l.end, noun)
	}
	if op, end, ok := p.comparedAfter(l.end); ok {
		if !named && p.counts(l, end) {
			return false, p.refuse(Ambiguous, start, end, countsPayments)
		}
		return true, p.amount(op, l, start, end)
	}
	if p.countOrMoney(start, l) && p.nounAt(l.end) {
		return false, p.refuse(Ambiguous, start, l.end, `an amount, or so many payments in that currency? Say "amount" before an amount, "limit" before a count`)
	}
	if l.currency != "" || named {
		return true, p.amount(exactly, l, start, l.end)
	}
	if l.plain {
		if e, _ := lookup(p.text, p.skipSpace(l.end), kindStatus, kindOrder); e != nil {
			return true, p.setLimit(start, l.end, l.end)
		}
	}
	return false, p.refuse(Ambiguous, start, l.end, fmt.Sprintf("an amount, a payment id or a limit? Say %q, %q or %q", "amount "+p.text[start:l.end], "payment "+p.text[start:l.end], "first "+p.text[start:l.end]))
}

// countOrMoney reports whether l is written as in "5 USD payments", where the
// number may count the payments.
func (p *parser) countOrMoney(start int, l literal) bool {
	digits, code, ok := strings.Cut(p.text[start:l.end], " ")
	n, err := strconv.Atoi(digits)
	return ok && err == nil && n <= MaxLimit && strings.EqualFold(strings.TrimSpace(code), l.currency)
}

const countsPayments = "counts payments, and a filter cannot; an amount needs its currency, a limit is a number alone"

// counts reports whether l, which a comparison belongs to, may count the payments that
// follow at i, as in "at most 20 refunds": small, without a currency.
func (p *parser) counts(l literal, i int) bool {
	if !l.plain || l.value > MaxLimit*unitScale {
		return false
	}
	i += p.glued(i, particles)
	if _, ok := p.counted(i); ok {
		return true
	}
	e, _ := lookup(p.text, p.skipSpace(i), kindNoun, kindNounOrKey, kindStatus, kindNotStatus, kindOrder)
	return e != nil
}

// nounAt reports whether payments or a status follow at i.
func (p *parser) nounAt(i int) bool {
	e, _ := lookup(p.text, p.skipSpace(i), kindNoun, kindNounOrKey, kindStatus)
	return e != nil
}

// after reports whether the given preposition was the last word.
func (p *parser) after(w string) bool {
	return p.dangling != nil && strings.EqualFold(p.text[p.dangling.start:p.dangling.end], w)
}

// upTo reads the second end of a range whose first is l.
func (p *parser) upTo(l literal, between bool) (hi literal, end int, ok bool, err error) {
	words := []string{"to", "-", "~", "–", "에서", "부터"}
	if between {
		words = append(words, "and")
	}
	at := p.skipSpace(l.end)
	at, found := matchAny(p.text, at, words)
	if !found {
		// 1만원과 2만원 사이
		if at, found = matchAny(p.text, p.skipSpace(l.end), []string{"과", "와"}); !found || p.hangulAt(at) {
			return literal{}, l.end, false, nil
		}
	}
	at = p.skipSpace(at)
	hi, err = p.literal(at)
	if err != nil || !hi.ok || hi.plain && p.timed(at, hi) {
		return literal{}, l.end, false, err
	}
	end = hi.end
	if e, ok := matchAny(p.text, p.skipSpace(end), []string{"사이의", "사이", "까지의", "까지"}); ok {
		end = e
	}
	if hi.scaled && !l.scaled && l.value < 1000*unitScale {
		return literal{}, l.end, false, p.refuse(Ambiguous, p.pos, end, "does the unit belong to both numbers? Write it with each")
	}
	return hi, end, true, nil
}

// between consumes "between 1,000 and 2,000".
func (p *parser) between(end int) error {
	start := p.pos
	lo, err := p.literal(p.skipSpace(end))
	if err != nil {
		return err
	}
	if lo.ok {
		hi, stop, ok, err := p.upTo(lo, true)
		if err != nil {
			return err
		}
		if ok && !p.amountSaid(start, end) && p.counts(hi, stop) {
			return p.refuse(Ambiguous, start, stop, countsPayments)
		}
		if ok {
			return p.amountRange(lo, hi, start, stop)
		}
	}
	return p.refuse(Incomplete, start, end, `needs two amounts or two times, as in "between 1,000 and 2,000" or "between 14:00 and 15:00"`)
}

// amountSaid reports whether "amount" was said before, or in the words of a comparison
// between start and end: "max amount".
func (p *parser) amountSaid(start, end int) bool {
	return amountWord(p.text[start:end]) || slices.ContainsFunc(p.spans, func(s Span) bool {
		return s.Role == RoleAmount && amountWord(p.text[s.Start:s.End])
	})
}

func amountWord(words string) bool {
	return strings.Contains(strings.ToLower(words), "amount") || strings.Contains(words, "금액")
}

// compare consumes a comparison and its amount.
func (p *parser) compare(op operator, end int) error {
	start := p.pos
	at := p.skipSpace(end)
	if at+1 < len(p.text) && p.text[at] == '-' && isDigit(p.text[at+1]) {
		return p.refuse(BadNumber, at, at+2, "amounts are never negative")
	}
	l, err := p.literal(at)
	if err != nil {
		return err
	}
	if end := p.timeEnd(at, l); end > at {
		return p.refuse(Ambiguous, start, end, `compares with a length of time; amounts can be compared, and a time is said as "last 30 minutes" or "since 14:00"`)
	}
	if !l.ok {
		return p.refuse(Incomplete, start, end, `needs an amount, as in "over 10,000 KRW"`)
	}
	if noun, ok := p.counted(l.end); ok && l.currency == "" && !l.scaled {
		return p.refuse(Ambiguous, start, noun, "counts payments, and a filter cannot; an amount needs its currency here")
	}
	if !p.amountSaid(start, end) && p.counts(l, l.end) {
		return p.refuse(Ambiguous, start, l.end, countsPayments)
	}
	if p.not != nil {
		inverse, ok := map[operator]operator{moreThan: atMost, atLeast: lessThan, lessThan: atLeast, atMost: moreThan}[op]
		if !ok {
			return p.refuse(Unsupported, p.not.start, l.end, "an exact amount cannot be excluded")
		}
		op, p.not = inverse, nil
	}
	return p.amount(op, l, start, l.end)
}

// amountKey consumes "amount", which a comparison or an amount must follow.
func (p *parser) amountKey(end int) error {
	start := p.pos
	p.take(RoleAmount, end)
	if err := p.glue(nil); err != nil {
		return err
	}
	at := p.skipSpace(p.pos)
	if end, ok := matchWords(p.text, at, "is"); ok {
		p.pos = at
		p.take(RoleFiller, end)
		at = p.skipSpace(end)
	}
	if e, _ := lookup(p.text, at, kindCompare, kindBetween, kindNot); e != nil {
		return nil
	}
	if at < len(p.text) && p.text[at] == ':' {
		p.pos = at
		p.take(RoleAmount, at+1)
		at = p.skipSpace(at + 1)
	}
	p.pos = at
	if done, err := p.number(true); done || err != nil {
		return err
	}
	return p.refuse(Incomplete, start, end, `needs an amount, as in "amount over 10,000 KRW"`)
}

// amount consumes the condition between start and end.
func (p *parser) amount(op operator, l literal, start, end int) error {
	if err := p.condition(RoleAmount, end); err != nil {
		return err
	}
	b := Bound{Amount: l.value, Inclusive: op == atLeast || op == atMost || op == exactly}
	if op != lessThan && op != atMost {
		if err := p.bound(&p.min, b, start, end); err != nil {
			return err
		}
	}
	if op != moreThan && op != atLeast {
		if err := p.bound(&p.max, b, start, end); err != nil {
			return err
		}
	}
	if err := p.setCurrency(l.currency, start, end); err != nil {
		return err
	}
	return p.glue(nil)
}

func (p *parser) amountRange(lo, hi literal, start, end int) error {
	if lo.value > hi.value {
		return p.refuse(Contradiction, start, end, "the first amount is the greater one")
	}
	if lo.currency != "" && hi.currency != "" && lo.currency != hi.currency {
		return p.refuse(Contradiction, start, end, "has two currencies; say one")
	}
	if err := p.condition(RoleAmount, end); err != nil {
		return err
	}
	if err := p.bound(&p.min, Bound{lo.value, true}, start, end); err != nil {
		return err
	}
	if err := p.bound(&p.max, Bound{hi.value, true}, start, end); err != nil {
		return err
	}
	for _, l := range []literal{lo, hi} {
		if err := p.setCurrency(l.currency, start, end); err != nil {
			return err
		}
	}
	return p.glue(nil)
}

func (p *parser) bound(b **Bound, v Bound, start, end int) error {
	if *b != nil && **b != v {
		return p.refuse(Contradiction, start, end, "this end of the amount was given before; say one")
	}
	*b = &v
	return nil
}

func (p *parser) setCurrency(code string, start, end int) error {
	switch {
	case code == "":
	case p.currency != "" && p.currency != code:
		return p.refuse(Contradiction, start, end, "says "+code+" where "+p.currency+" was said before; a payment has one currency")
	default:
		p.currency = code
	}
	return nil
}

// currencyKey consumes "currency XYZ", where any code may stand.
func (p *parser) currencyKey(end int) error {
	start := p.pos
	at := end
	if p.hangulAt(at) {
		at += p.glued(at, particles)
	}
	at = p.skipAssign(at)
	stop := at
	for stop < len(p.text) && isLetter(p.text[stop]) {
		stop++
	}
	code := strings.ToUpper(p.text[at:stop])
	if e, next := lookup(p.text, at, kindCurrency); e != nil {
		code, stop = e.symbol, next
	} else if len(code) != 3 || !p.boundary(stop) {
		return p.refuse(Incomplete, start, end, "needs a code of three letters, as in currency KRW")
	}
	if err := p.condition(RoleCurrency, stop); err != nil {
		return err
	}
	if err := p.setCurrency(code, start, stop); err != nil {
		return err
	}
	return p.glue(nil)
}
