package filter

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"payops-mcp/shared/when"
)

// values is one run of merchants: "merchants X and Y".
type values struct {
	ids        []string
	not        bool
	start, end int
}

// quotes are the pairs that may hold a value.
var quotes = map[rune]rune{'"': '"', '\'': '\'', '`': '`', '“': '”', '‘': '’', '「': '」', '『': '』', '«': '»'}

func quoteAt(text string, i int) (closing rune, size int) {
	r, n := utf8.DecodeRuneInString(text[i:])
	if c, ok := quotes[r]; ok {
		return c, n
	}
	return 0, 0
}

// quotedValue reads what stands between the quotes at i, exactly.
func (p *parser) quotedValue(i int) (v string, end int, err error) {
	closing, size := quoteAt(p.text, i)
	n := strings.IndexRune(p.text[i+size:], closing)
	if n < 0 {
		return "", i, p.refuse(Incomplete, i, i+size, "this quote is never closed")
	}
	v = p.text[i+size : i+size+n]
	end = i + size + n + len(string(closing))
	if strings.TrimSpace(v) == "" {
		return "", i, p.refuse(Incomplete, i, end, "there is nothing between the quotes")
	}
	return v, end, nil
}

// idRune reports whether r can be part of a value without quotes.
func idRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r) || strings.ContainsRune("-_.:/@#+&", r)
}

// value reads the id or key at i. An id without quotes that could be something
// else is refused.
func (p *parser) value(i int, what string) (v string, end int, err error) {
	if _, size := quoteAt(p.text, i); size > 0 {
		return p.quotedValue(i)
	}
	end = i
	hangulFrom := -1
	for end < len(p.text) {
		r, n := p.rune(end)
		if !idRune(r) {
			break
		}
		if unicode.Is(unicode.Hangul, r) {
			if hangulFrom < 0 {
				hangulFrom = end
			}
		} else if hangulFrom > i {
			return "", i, p.refuse(Ambiguous, i, end+n, "put the "+what+" in quotes, for letters of both scripts stand in it")
		}
		end += n
	}
	for end > i && strings.ContainsRune(".:/,", rune(p.text[end-1])) {
		end--
	}
	v = p.text[i:end]
	switch {
	case v == "":
		return "", i, nil
	case end+1 < len(p.text) && p.text[end] == ',' && isDigit(p.text[end+1]):
		return "", i, p.refuse(Ambiguous, i, end+2, "a "+what+" or a number? Put a "+what+" in quotes, and a space after the commas of a list")
	case p.reserved(i, v):
		return "", i, p.refuse(Ambiguous, i, end, "is a word of the filter; if it is the "+what+", put it in quotes")
	}
	if l, err := p.literal(i); err == nil && l.ok && (l.end > end || l.currency != "") {
		return "", i, p.refuse(Ambiguous, i, l.end, "a "+what+" or an amount? Put a "+what+" in quotes, and \"amount\" before an amount")
	}
	if hangulFrom < 0 {
		return v, end, nil
	}
	// Where Korean letters end the word, they may be a particle or belong to
	// the name. After other letters only a particle is likely.
	if hangulFrom > i {
		if p.glued(hangulFrom, slices.Concat(particles, gluedAnd, gluedOr)) > 0 {
			return p.text[i:hangulFrom], hangulFrom, nil
		}
		return "", i, p.refuse(Ambiguous, i, end, "where does the "+what+" end? Put it in quotes")
	}
	for _, w := range slices.Concat(particles, gluedAnd, gluedOr) {
		if name := strings.TrimSuffix(v, w); name != v && name != "" {
			return "", i, p.refuse(Ambiguous, i, end, fmt.Sprintf("is the %s %s or %s? Put it in quotes", what, strconv.Quote(name), strconv.Quote(v)))
		}
	}
	return v, end, nil
}

// reserved reports whether the word v at i means something else in a filter.
// One capital letter is an id: "merchant A".
func (p *parser) reserved(i int, v string) bool {
	if len(v) == 1 && unicode.IsUpper(rune(v[0])) {
		return false
	}
	if e, end := lookup(p.text, i); e != nil && end >= i+len(v) {
		return true
	}
	if e, _ := lookup(p.text, i); e != nil && p.hangulAt(i) && e.kind != kindFiller {
		return true // 실패한
	}
	_, n, _ := when.Match(p.text[i:])
	return n >= len(v)
}

// list reads the values that go on after one which ends at end, joined by
// commas, "and" or "or". What is not spelled like an id ends the list.
func (p *parser) list(end int, what string, next func(i int) (end int, ok bool, err error)) (int, error) {
	for {
		at := p.skipSpace(end)
		switch {
		case at < len(p.text) && (p.text[at] == ',' || p.text[at] == '/'):
			at++
			if stop := p.limitAt(p.skipSpace(at)); stop > 0 {
				return end, p.refuse(Ambiguous, p.skipSpace(at), stop, `another `+what+`, or a limit? Say "and" before the `+what+`, "first" before a limit`)
			}
		default:
			e, stop := lookup(p.text, at, kindAnd, kindOr)
			if e == nil {
				if stop, ok := matchAny(p.text, end, slices.Concat(gluedAnd, gluedOr)); ok && !p.hangulAt(stop) {
					at = stop
					break
				}
				return end, nil
			}
			at = stop
		}
		stop, ok, err := next(p.skipSpace(at))
		if err != nil {
			return end, err
		}
		if !ok {
			return end, nil
		}
		end = stop
	}
}

// limitAt is where a number at i ends that can be a limit, for what is counted follows
// it: the 20 of "merchant 8, 20 newest". 0 where there is none.
func (p *parser) limitAt(i int) int {
	stop, ok := p.integer(i, false)
	if !ok {
		return 0
	}
	if n, err := strconv.Atoi(p.text[i:stop]); err != nil || n > MaxLimit {
		return 0
	}
	if e, _ := lookup(p.text, p.skipSpace(stop), kindOrder, kindStatus, kindNotStatus, kindNoun, kindNounOrKey); e == nil {
		return 0
	}
	return stop
}

// valueList reads one value or several at i.
func (p *parser) valueList(i int, what string) (ids []string, end int, err error) {
	v, end, err := p.value(i, what)
	if err != nil || v == "" {
		return nil, i, err
	}
	ids = []string{v}
	end, err = p.list(end, what, func(i int) (int, bool, error) {
		v, end, ok := p.another(i, what)
		if ok {
			ids = append(ids, v)
		}
		return end, ok, nil
	})
	return ids, end, err
}

// another reads one more value of a list at i. What is not spelled like an id
// is none, and the main rules say what it is.
func (p *parser) another(i int, what string) (v string, end int, ok bool) {
	v, end, err := p.value(i, what)
	if err != nil || v == "" {
		return "", i, false
	}
	if _, quoted := quoteAt(p.text, i); quoted == 0 {
		_, plain := p.integer(i, false)
		if allDigits := strings.Trim(v, "0123456789") == ""; !looksLikeID(v) || allDigits && !plain {
			return "", i, false
		}
	}
	return v, end, true
}

// merchantKey consumes "merchant X".
func (p *parser) merchantKey(end int) error {
	start := p.pos
	at := end
	if p.hangulAt(at) {
		// 가맹점이 X; but 가맹점별 is another word.
		w := p.glued(at, particles)
		if w == 0 {
			return p.unknown(start)
		}
		at += w
	}
	at = p.skipAssign(at)
	if at < len(p.text) && p.text[at] == '#' {
		at = p.skipSpace(at + 1)
	}
	ids, stop, err := p.valueList(at, "merchant's id")
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		return p.refuse(Incomplete, start, end, "which merchant? Its id must follow, in quotes if it has spaces")
	}
	return p.addMerchants(ids, start, stop)
}

// bareMerchant consumes an id that begins with the word itself: MERCHANT-8.
func (p *parser) bareMerchant() (bool, error) {
	const prefix = "merchant"
	at := p.pos + len(prefix)
	if at+1 >= len(p.text) || !strings.EqualFold(p.text[p.pos:at], prefix) || p.text[at] != '-' && p.text[at] != '_' {
		return false, nil
	}
	if r, _ := p.rune(at + 1); !unicode.IsLetter(r) && !unicode.IsDigit(r) {
		return false, nil
	}
	if e, end := lookup(p.text, p.pos, kindMerchantKey); e != nil && end > at {
		return false, nil // merchant_id
	}
	// reserved would find the keyword in it; read it as a value from after it.
	rest, end, err := p.value(at+1, "merchant's id")
	if err != nil || rest == "" {
		return false, err
	}
	ids := []string{p.text[p.pos:end]}
	return true, p.addMerchants(ids, p.pos, end)
}

func (p *parser) addMerchants(ids []string, start, end int) error {
	// X's refunds
	if rest := p.text[end:]; strings.HasPrefix(rest, "'s ") || strings.HasPrefix(rest, "’s ") {
		end += strings.Index(rest, "s") + 1
	}
	joined := p.join != nil
	if joined && p.join.kind == kindOr && p.last != RoleMerchant {
		return p.refuse(Unsupported, p.join.start, end, orJoins)
	}
	not := p.not != nil
	if not && joined && p.join.kind == kindOr {
		return p.refuse(Ambiguous, p.join.start, end, `"or" before a negation can be read in two ways; ask twice`)
	}
	run := values{ids: ids, not: not, start: start, end: end}
	if last := len(p.merchants) - 1; joined && p.last == RoleMerchant && !not {
		p.merchants[last].ids = append(p.merchants[last].ids, ids...)
		p.merchants[last].end = end
	} else {
		p.merchants = append(p.merchants, run)
	}
	p.join, p.not, p.among = nil, nil, nil
	p.take(RoleMerchant, end)
	p.last = RoleMerchant
	return p.glue(nil)
}

func (p *parser) merchantLists() (ids, not []string, err error) {
	for _, run := range p.merchants {
		if run.not {
			not = union(not, run.ids)
			continue
		}
		if ids != nil && !slices.Equal(ids, run.ids) {
			return nil, nil, p.refuse(Contradiction, run.start, run.end, `another merchant was named before; a payment has one, so say "or" between them`)
		}
		ids = union(nil, run.ids)
	}
	for _, id := range ids {
		if slices.Contains(not, id) {
			return nil, nil, &Refusal{Kind: Contradiction, Text: id, Reason: "this merchant is asked for and excluded"}
		}
	}
	return ids, not, nil
}

// paymentIDs consumes "payment 123, 456". When the key is "payment" itself, it
// may stand without an id, and this does nothing.
func (p *parser) paymentIDs(start, end int, must bool) error {
	at := end
	if p.hangulAt(at) {
		at += p.glued(at, particles)
	}
	assigned := p.skipAssign(at)
	explicit := strings.TrimSpace(p.text[at:assigned]) != ""
	at = assigned
	if at < len(p.text) && p.text[at] == '#' {
		at, explicit = p.skipSpace(at+1), true
	}
	var ids []int64
	read := func(i int) (int, bool, error) {
		if i < len(p.text) && p.text[i] == '#' {
			i++
		}
		stop, ok := p.integer(i, false)
		if !ok {
			return i, false, nil
		}
		id, err := strconv.ParseInt(p.text[i:stop], 10, 64)
		if err != nil || id < 1 {
			return i, false, p.refuse(OutOfRange, i, stop, "a payment id is a whole number from 1 to 9223372036854775807")
		}
		ids = append(ids, id)
		return stop, true, nil
	}
	stop, ok, err := read(at)
	if err != nil {
		return err
	}
	if !ok {
		return p.noPaymentID(start, end, at, must || explicit)
	}
	if stop, err = p.list(stop, "payment id", read); err != nil {
		return err
	}
	if j := p.join; j != nil && j.kind == kindOr && p.last != RolePayment {
		return p.refuse(Unsupported, j.start, stop, orJoins)
	}
	if len(p.ids) > 0 && (p.join == nil || p.last != RolePayment) {
		return p.refuse(Contradiction, start, stop, `another payment was named before; say "or" between them`)
	}
	p.join = nil
	if err := p.condition(RolePayment, stop); err != nil {
		return err
	}
	for _, id := range ids {
		if !slices.Contains(p.ids, id) {
			p.ids = append(p.ids, id)
		}
	}
	return p.glue(nil)
}

// noPaymentID says why no id could be read at i, if one had to be there.
func (p *parser) noPaymentID(start, end, i int, must bool) error {
	if !must {
		return nil
	}
	digits := i
	for digits < len(p.text) && (isDigit(p.text[digits]) || p.text[digits] == ',') {
		digits++
	}
	if text := strings.TrimRight(p.text[i:digits], ","); len(text) > 18 && !strings.Contains(text, ",") {
		return p.refuse(OutOfRange, i, digits, "a payment id is a whole number from 1 to 9223372036854775807")
	} else if strings.Contains(text, ",") {
		return p.refuse(Ambiguous, i, digits, "one id or several? Put a space after the commas of a list, and no comma into an id")
	}
	return p.refuse(Incomplete, start, end, "needs a payment id, a whole number")
}

// idempotencyKeys consumes "key K".
func (p *parser) idempotencyKeys(end int) error {
	start := p.pos
	at := end
	if p.hangulAt(at) {
		w := p.glued(at, particles)
		if w == 0 {
			return p.unknown(start)
		}
		at += w
	}
	keys, stop, err := p.valueList(p.skipAssign(at), "key")
	if err != nil {
		return err
	}
	if len(keys) == 0 {
		return p.refuse(Incomplete, start, end, "which key? It must follow, in quotes if it has spaces")
	}
	if len(p.keys) > 0 && !slices.Equal(p.keys, keys) {
		return p.refuse(Contradiction, start, stop, `another key was named before; say "keys A and B"`)
	}
	if err := p.condition(RoleKey, stop); err != nil {
		return err
	}
	p.keys = union(nil, keys)
	return p.glue(nil)
}
