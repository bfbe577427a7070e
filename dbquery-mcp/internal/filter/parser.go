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

// parser walks over the text once. At each position exactly one rule consumes
// what stands there and records it in spans, or the filter is refused; so no
// word can be passed over.
type parser struct {
	text  string
	pos   int
	spans []Span

	statuses  []group
	merchants []values
	ids       []int64
	keys      []string
	pieces    []when.Piece
	min, max  *Bound
	currency  string
	order     Order
	limit     int

	last     Role // the role of the last condition, fillers left out
	join     *word
	not      *word
	dangling *word // a preposition, until something follows it
	among    *word // 중, until what is picked out of it follows
	top      *word // "top 10", until it is said by what
}

// word is a word that waits for what it belongs to.
type word struct {
	start, end int
	kind       kind
	tight      bool
}

func (p *parser) run() error {
	for {
		p.separators()
		if p.pos == len(p.text) {
			return nil
		}
		before := p.pos
		if err := p.step(); err != nil {
			return err
		}
		if p.pos == before {
			return p.unknown(p.pos)
		}
	}
}

// step consumes one thing.
func (p *parser) step() error {
	if _, size := quoteAt(p.text, p.pos); size > 0 && p.afterGap() {
		_, end, err := p.quotedValue(p.pos)
		if err != nil {
			return err
		}
		return p.refuse(Ambiguous, p.pos, end, `is it a merchant's id or an idempotency key? Say "merchant" or "key" before it`)
	}
	piece, n, timeErr := when.Match(p.text[p.pos:])
	if n > 0 && timeErr == nil {
		return p.time(piece, p.pos+len(strings.TrimRight(p.text[p.pos:p.pos+n], " _\t\r\n")))
	}
	done, err := p.number(false)
	switch {
	case done:
		return err
	case timeErr != nil:
		return p.refuseTime(BadTime, p.pos, p.pos, timeErr)
	case err != nil:
		return err
	}
	if done, err := p.bareMerchant(); done || err != nil {
		return err
	}
	if p.text[p.pos] == '#' {
		return p.paymentIDs(p.pos, p.pos+1, true)
	}
	e, end := lookup(p.text, p.pos)
	if e == nil {
		return nil
	}
	return p.entry(e, end)
}

// entry acts on a word of the vocabulary that ends at end.
func (p *parser) entry(e *entry, end int) error {
	start := p.pos
	switch e.kind {
	case kindFiller:
		p.take(RoleFiller, end)
		return p.glue(nil)
	case kindPreposition:
		p.take(RoleFiller, end)
		p.dangling = &word{start: start, end: end}
	case kindAmong:
		if !p.hangulAt(end) && p.last != "" {
			p.take(RoleFiller, end)
			p.closeStatuses()
			p.among = &word{start: start, end: end}
		}
	case kindNoun:
		return p.status(entry{kind: kindStatus, set: allStatuses, noun: true}, end)
	case kindNounOrKey:
		if err := p.paymentIDs(start, end, false); err != nil || p.pos > start {
			return err
		}
		return p.status(entry{kind: kindStatus, set: allStatuses, noun: true}, end)
	case kindStatus:
		return p.status(*e, end)
	case kindNotStatus:
		return p.notStatus(*e, end)
	case kindStatusKey:
		return p.statusKey(end)
	case kindMerchantKey:
		return p.merchantKey(end)
	case kindIDKey:
		return p.paymentIDs(start, end, true)
	case kindIdemKey:
		return p.idempotencyKeys(end)
	case kindCurrencyKey:
		return p.currencyKey(end)
	case kindCurrency:
		if err := p.condition(RoleCurrency, end); err != nil {
			return err
		}
		if err := p.setCurrency(e.symbol, start, end); err != nil {
			return err
		}
		return p.glue(nil)
	case kindAmountKey:
		return p.amountKey(end)
	case kindBetween:
		return p.between(end)
	case kindCompare:
		return p.compare(e.op, end)
	case kindLimitKey:
		return p.limitKey(end)
	case kindTop:
		return p.topKey(end)
	case kindOrder:
		return p.orderBy(e.order, end)
	case kindOpenOrder:
		return p.openOrder(e.words, end)
	case kindNot, kindExcept:
		return p.negation(*e, end)
	case kindNotAfter:
		return p.negationAfter(*e, end)
	case kindAnd, kindOr:
		return p.joint(e.kind, end)
	}
	return nil
}

// afterGap reports whether a word may begin here: a quote within a word is no
// quote.
func (p *parser) afterGap() bool {
	return len(p.spans) == 0 || p.spans[len(p.spans)-1].End < p.pos
}

// take records that the text up to end has the given role and goes on there.
func (p *parser) take(role Role, end int) {
	p.spans = append(p.spans, Span{Start: p.pos, End: end, Role: role})
	p.pos = end
	p.dangling = nil
}

const sentenceEnds = ".!?。"

// separators skips white space and the punctuation that ends a word. A comma
// between two conditions joins them like "and".
func (p *parser) separators() {
	for p.pos < len(p.text) {
		r, n := p.rune(p.pos)
		after, _ := p.rune(p.pos + n)
		switch {
		case unicode.IsSpace(r):
		case r == ',' || r == '、':
			if p.join == nil && p.last != "" {
				p.join = &word{start: p.pos, end: p.pos + n, kind: kindFiller}
			}
		case strings.ContainsRune(sentenceEnds, r) && (p.pos+n == len(p.text) || unicode.IsSpace(after) || strings.ContainsRune(sentenceEnds, after)):
		default:
			return
		}
		p.pos += n
	}
}

const orJoins = `"or" can only join statuses with statuses, merchants with merchants, payment ids with payment ids; ask twice`

// condition consumes a condition that is no list and no status: it can be
// joined by "and" and cannot be negated.
func (p *parser) condition(role Role, end int) error {
	if j := p.join; j != nil && j.kind == kindOr {
		return p.refuse(Unsupported, j.start, end, orJoins)
	}
	if p.not != nil {
		return p.refuse(Unsupported, p.not.start, end, "only statuses, merchants and amounts can be negated; say what is wanted instead")
	}
	p.join, p.among = nil, nil
	p.take(role, end)
	p.last = role
	return nil
}

// glue consumes what Korean adds to a word without a space: endings that make
// an adjective of a status, particles, and the "and" and "or" that cling.
func (p *parser) glue(t *term) error {
	for p.hangulAt(p.pos) {
		done := false
		if t != nil {
			for _, e := range statusEndings {
				if strings.HasPrefix(p.text[p.pos:], e.word) {
					p.spans[len(p.spans)-1].End += len(e.word)
					p.pos += len(e.word)
					if e.adjective {
						t.noun = false
					}
					done = true
					break
				}
			}
			t = nil
			if done {
				continue
			}
		}
		if w := p.glued(p.pos, gluedOr); w > 0 {
			return p.joint(kindOr, p.pos+w)
		}
		if w := p.glued(p.pos, gluedAnd); w > 0 {
			return p.joint(kindAnd, p.pos+w)
		}
		w := p.glued(p.pos, particles)
		if w == 0 {
			return nil
		}
		p.take(RoleFiller, p.pos+w)
	}
	return nil
}

// glued is the length of the one of words that stands at i and ends the Korean
// word there, or 0.
func (p *parser) glued(i int, words []string) int {
	for _, w := range words {
		if strings.HasPrefix(p.text[i:], w) && !p.hangulAt(i+len(w)) {
			return len(w)
		}
	}
	return 0
}

// joint consumes "and" or "or".
func (p *parser) joint(k kind, end int) error {
	start := p.pos
	switch {
	case p.join != nil && p.join.kind != kindFiller:
		return p.refuse(Incomplete, p.join.start, end, "joins nothing")
	case p.last == "":
		return p.refuse(Incomplete, start, end, "joins nothing: there is nothing before it")
	}
	p.take(RoleJoin, end)
	p.join = &word{start: start, end: end, kind: k}
	return nil
}

func (p *parser) negation(e entry, end int) error {
	start := p.pos
	if p.not != nil {
		return p.refuse(Ambiguous, p.not.start, end, "is a double negation; say what is wanted")
	}
	if e.tight && end < len(p.text) && p.text[end] == '-' {
		end++
	}
	p.take(RoleNegation, end)
	p.not = &word{start: start, end: end, kind: e.kind, tight: e.tight}
	return nil
}

// negationAfter consumes 제외 and the like, which negate what stands before.
func (p *parser) negationAfter(e entry, end int) error {
	start := p.pos
	switch p.last {
	case "":
		return p.refuse(Incomplete, start, end, "excludes what? It follows what it excludes")
	case RoleStatus:
		if err := p.negateLast(e, start, end); err != nil {
			return err
		}
	case RoleMerchant:
		run := &p.merchants[len(p.merchants)-1]
		if run.not {
			return p.refuse(Ambiguous, start, end, "is a double negation; say what is wanted")
		}
		run.not = true
	default:
		return p.refuse(Unsupported, start, end, fmt.Sprintf("only statuses and merchants can be excluded, and before it stands something else: %s", p.last))
	}
	p.take(RoleNegation, end)
	return nil
}

func (p *parser) time(piece when.Piece, end int) error {
	start := p.pos
	if err := p.condition(RoleTime, end); err != nil {
		return err
	}
	p.pieces = append(p.pieces, piece)
	if clash := when.Clash(p.pieces...); clash != nil {
		return p.refuseTime(Contradiction, start, end, clash)
	}
	return p.glue(nil)
}

func (p *parser) refuseTime(k Kind, start, end int, err error) error {
	r := p.refuse(k, start, end, err.Error())
	r.Text, r.Err = "", err
	return r
}

// finish makes the Query of what was read.
func (p *parser) finish() (Query, error) {
	for _, w := range []*word{p.not, p.dangling, p.join} {
		if w != nil && w.kind != kindFiller || w != nil && w == p.dangling {
			return Query{}, p.refuse(Incomplete, w.start, w.end, "is the last word, and something must follow it")
		}
	}
	if w := p.among; w != nil {
		return Query{}, p.refuse(Ambiguous, w.start, w.end, `something must follow that is picked out of what is before it; for what is in progress say "처리 중"`)
	}
	if p.top != nil {
		return Query{}, p.refuse(Ambiguous, p.top.start, p.top.end, `by what? Say "by amount", or "latest 10"`)
	}
	q := Query{
		PaymentIDs: p.ids, Keys: p.keys, MinAmount: p.min, MaxAmount: p.max,
		Currency: p.currency, Order: p.order, Limit: p.limit, Spans: p.spans,
	}
	var err error
	if q.Statuses, q.NotStatuses, err = p.statusSets(); err != nil {
		return Query{}, err
	}
	if q.MerchantIDs, q.NotMerchantIDs, err = p.merchantLists(); err != nil {
		return Query{}, err
	}
	if q.emptyAmount() {
		return Query{}, &Refusal{Kind: Contradiction, Text: Query{MinAmount: p.min, MaxAmount: p.max}.String(), Reason: "no amount can be both"}
	}
	if q.Time, err = when.Join(p.pieces...); err != nil {
		return Query{}, &Refusal{Kind: BadTime, Reason: err.Error(), Err: err}
	}
	q.Notes = notes(q)
	return q, nil
}

// refuse names the text between start and end.
func (p *parser) refuse(k Kind, start, end int, reason string) *Refusal {
	return &Refusal{Kind: k, Text: p.text[start:end], Position: p.position(start), Reason: reason}
}

// unknown names the whole word that i is a part of, or the sign there.
func (p *parser) unknown(i int) error {
	r, n := p.rune(i)
	if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && r != '_' {
		return p.refuse(BadCharacter, i, i+n, "this sign means nothing here; a merchant's id or a key that holds it goes into quotes")
	}
	inWord := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || strings.ContainsRune("_-.", r)
	}
	start, end := i, i
	for start > 0 {
		r, n := utf8.DecodeLastRuneInString(p.text[:start])
		if !inWord(r) {
			break
		}
		start -= n
	}
	for end < len(p.text) {
		r, n := p.rune(end)
		if !inWord(r) {
			break
		}
		end += n
	}
	w := strings.TrimRight(p.text[start:end], ".-")
	e := &UnknownWord{Word: w, Nearest: nearest(w, knownWords), Position: p.position(start)}
	switch {
	case strings.EqualFold(e.Nearest, w):
		e.Nearest, e.Hint = "", "it is known only as a part of a longer phrase"
	case e.Nearest == "" && looksLikeID(w):
		e.Hint = fmt.Sprintf("if it is a merchant's id say %s, if it is an idempotency key say %s", strconv.Quote("merchant "+w), strconv.Quote("key "+w))
	}
	return e
}

func (p *parser) position(i int) int { return utf8.RuneCountInString(p.text[:i]) + 1 }

func (p *parser) rune(i int) (rune, int) {
	if i >= len(p.text) {
		return utf8.RuneError, 0
	}
	return utf8.DecodeRuneInString(p.text[i:])
}

func (p *parser) hangulAt(i int) bool {
	r, _ := p.rune(i)
	return unicode.Is(unicode.Hangul, r)
}

func (p *parser) skipSpace(i int) int {
	for i < len(p.text) {
		r, n := p.rune(i)
		if !unicode.IsSpace(r) {
			break
		}
		i += n
	}
	return i
}

// skipAssign skips what may stand between a key and its value: spaces, one of
// : = and "is".
func (p *parser) skipAssign(i int) int {
	i = p.skipSpace(i)
	if end, ok := matchWords(p.text, i, "is"); ok {
		return p.skipSpace(end)
	}
	if i < len(p.text) && (p.text[i] == ':' || p.text[i] == '=') {
		i = p.skipSpace(i + 1)
	}
	return i
}

// boundary reports whether a number or value may end at i.
func (p *parser) boundary(i int) bool {
	r, n := p.rune(i)
	switch {
	case n == 0, unicode.Is(unicode.Hangul, r):
		return true
	case r == ',', r == '.', r == ':':
		return i+1 >= len(p.text) || !isDigit(p.text[i+1])
	}
	return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
}

// looksLikeID reports whether a word is spelled as ids are and words are not.
func looksLikeID(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.IsDigit(r) || unicode.IsUpper(r) || r == '_' })
}

// matchAny finds the first of the phrases that stands at i.
func matchAny(text string, i int, phrases []string) (end int, ok bool) {
	at := slices.IndexFunc(phrases, func(w string) bool {
		end, ok = matchWords(text, i, w)
		return ok
	})
	return end, at >= 0
}
