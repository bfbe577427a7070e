package filter

import (
	"math/big"
	"strconv"
	"strings"
)

// Amount is an exact amount of money in ten-thousandths of its currency's
// unit, as it was said: 10,000 KRW is 100,000,000. It never was a float.
type Amount int64

const (
	unitScale = 10_000
	maxUnits  = 100_000_000_000_000 // exclusive: a hundred trillion
)

// String is the amount in decimal digits without grouping: 10000, 99.5.
func (a Amount) String() string {
	whole := strconv.FormatInt(int64(a/unitScale), 10)
	rest := int64(a % unitScale)
	if rest == 0 {
		return whole
	}
	digits := strconv.FormatInt(unitScale+rest, 10)[1:]
	return whole + "." + strings.TrimRight(digits, "0")
}

// AtLeast and AtMost give the bound for a column of whole units as an
// inclusive one: "> 10000" is at least 10001, "<= 99.5" at most 99.

// AtLeast is the least whole amount that meets b as a lower end.
func (b Bound) AtLeast() int64 {
	n := int64(b.Amount) / unitScale
	if int64(b.Amount)%unitScale != 0 || !b.Inclusive {
		n++
	}
	return n
}

// AtMost is the greatest whole amount that meets b as an upper end.
func (b Bound) AtMost() int64 {
	n := int64(b.Amount) / unitScale
	if int64(b.Amount)%unitScale == 0 && !b.Inclusive {
		n--
	}
	return n
}

// ParseAmount reads one amount, as a min_amount field gives it: 10000, 10,000,
// 5k, 1만원, 1.5M KRW. The currency is empty if none was said.
func ParseAmount(text string) (Amount, string, error) {
	if err := checkText(text); err != nil {
		return 0, "", err
	}
	trimmed := strings.TrimSpace(text)
	p := &parser{text: trimmed}
	l, err := p.literal(0)
	if err != nil {
		return 0, "", err
	}
	if !l.ok || l.end != len(trimmed) {
		return 0, "", &Refusal{Kind: BadNumber, Text: trimmed, Position: 1, Reason: "is no amount; say 10000, 10,000, 5k, 1.5M, 1만원 or 10,000 KRW"}
	}
	return l.value, l.currency, nil
}

// literal is an amount in the text.
type literal struct {
	ok       bool
	end      int
	value    Amount
	currency string
	plain    bool // nothing but digits
	scaled   bool // with k, M, 만, …
}

// literal reads an amount at i: 10,000, 5k, ₩1.5M, KRW 100, 1만 5천원, 백만원.
// An error means that a number stands there which cannot be read.
func (p *parser) literal(i int) (l literal, err error) {
	start := i
	before, at := p.currencyBefore(i)
	i = at
	digits, i, err := p.digits(i)
	if err != nil {
		return literal{}, err
	}
	v, scaled, end := p.korean(i, digits)
	switch {
	case scaled:
		i = end
	case digits == nil:
		return literal{}, nil
	default:
		v = digits
		if factor, size, lower := p.suffix(i); size > 0 {
			if _, end := p.currencyAfter(i + size); lower && before == "" && end == i+size {
				return literal{}, p.refuse(Ambiguous, start, i+size, "can be millions or minutes: for an amount write M, as in 30M, or all the digits; for a time say \"last 30m\"")
			}
			v, scaled = new(big.Int).Mul(v, big.NewInt(factor)), true
			i += size
		}
	}
	after, end := p.currencyAfter(i)
	if before != "" && after != "" && before != after {
		return literal{}, p.refuse(Contradiction, start, end, "has two currencies; say one")
	}
	if after == "" {
		end = i
	}
	// A number that runs into letters is none: 5abc, 2pm.
	if !p.boundary(end) {
		return literal{}, nil
	}
	if v.Cmp(big.NewInt(maxUnits*unitScale)) >= 0 {
		return literal{}, p.refuse(OutOfRange, start, end, "is too large; an amount must be below 100,000,000,000,000")
	}
	text := p.text[start:end]
	if dot := strings.IndexByte(text, '.'); dot >= 0 && !scaled && len(text[dot+1:]) >= 3 && threeDecimals(text[dot+1:]) {
		return literal{}, p.refuse(Ambiguous, start, end, "can be a decimal or a grouping of thousands: write 10,000 or 10")
	}
	return literal{
		ok: true, end: end, value: Amount(v.Int64()), currency: before + strings.TrimPrefix(after, before),
		plain: strings.Trim(text, "0123456789") == "", scaled: scaled,
	}, nil
}

func threeDecimals(s string) bool {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n == 3
}

// digits reads 10000, 10,000 or 99.50 at i, in ten-thousandths.
func (p *parser) digits(i int) (*big.Int, int, error) {
	start := i
	run := func() int {
		n := 0
		for i < len(p.text) && isDigit(p.text[i]) {
			i++
			n++
		}
		return n
	}
	first := run()
	if first == 0 {
		return nil, start, nil
	}
	comma := func() bool {
		return i+1 < len(p.text) && p.text[i] == ',' && isDigit(p.text[i+1])
	}
	groups := false
	for comma() {
		i++
		if n := run(); n != 3 || first > 3 {
			for comma() {
				i++
				run()
			}
			return nil, start, p.refuse(BadNumber, start, i, "is no number that can be read: thousands are grouped by three, as in 10,000; put a space after the commas of a list")
		}
		groups = true
	}
	whole := strings.ReplaceAll(p.text[start:i], ",", "")
	fraction := ""
	if i+1 < len(p.text) && p.text[i] == '.' && isDigit(p.text[i+1]) {
		i++
		at := i
		if run() > 4 || groups && i-at > 4 {
			return nil, start, p.refuse(BadNumber, start, i, "has more than four decimals")
		}
		fraction = p.text[at:i]
	}
	v, _ := new(big.Int).SetString(whole+(fraction + "0000")[:4], 10)
	return v, i, nil
}

// suffix reads the k of 5k and the like. The bool tells of a small m, which
// may mean minutes.
func (p *parser) suffix(i int) (factor int64, size int, lower bool) {
	at := i
	for at < len(p.text) && p.text[at] == ' ' {
		at++
	}
	end := at
	for end < len(p.text) && isLetter(p.text[end]) {
		end++
	}
	word := p.text[at:end]
	if at > i && len(word) < 3 {
		return 0, 0, false // "5 k" and "5 m" are too little to go by
	}
	if factor = scaleWords[strings.ToLower(word)]; factor == 0 {
		return 0, 0, false
	}
	return factor, end - i, word == "m"
}

var scaleWords = map[string]int64{
	"k": 1e3, "thousand": 1e3, "m": 1e6, "mn": 1e6, "mil": 1e6, "million": 1e6, "bn": 1e9, "b": 1e9, "billion": 1e9,
}

// Korean numbers: small units within a group of four digits, and the groups.
var (
	koreanDigits = map[rune]int64{'일': 1, '이': 2, '삼': 3, '사': 4, '오': 5, '육': 6, '칠': 7, '팔': 8, '구': 9}
	koreanSmall  = map[rune]int64{'십': 10, '백': 100, '천': 1000}
	koreanBig    = map[rune]int64{'만': 1e4, '억': 1e8, '조': 1e12}
)

// korean reads the Korean units that go on with a number at i, whose digits
// are already read as first, or a number in Korean words alone: 1만 5천, 백만,
// 오만. A number in words alone must be money or be compared, for its
// syllables begin many other words.
func (p *parser) korean(i int, first *big.Int) (v *big.Int, ok bool, end int) {
	v, cur := new(big.Int), first // cur is the number before the next unit
	section := new(big.Int)       // what the next of 만, 억, 조 multiplies
	times := func(unit int64) *big.Int {
		n := big.NewInt(unitScale)
		if cur != nil {
			n = cur
		}
		cur = nil
		return new(big.Int).Mul(n, big.NewInt(unit))
	}
	small, big4 := int64(1<<62), int64(1<<62)
	word := false // cur is a Korean digit
	at := i
	for at < len(p.text) {
		r, size := p.rune(at)
		if d, is := koreanDigits[r]; is && cur == nil {
			cur, word = big.NewInt(d*unitScale), true
			at += size
			continue
		}
		if u, is := koreanSmall[r]; is && u < small {
			section.Add(section, times(u))
			small = u
		} else if u, is := koreanBig[r]; is && u < big4 {
			if section.Sign() > 0 && cur == nil {
				cur = new(big.Int)
			}
			if cur != nil {
				cur = new(big.Int).Add(section, cur)
			}
			v.Add(v, times(u))
			section.SetInt64(0)
			small, big4 = 1<<62, u
		} else {
			break
		}
		at += size
		ok, end, word = true, at, false
		if d, after := p.koreanRest(at); d != nil {
			cur, at = d, after
		}
	}
	if !ok {
		return nil, false, i
	}
	v.Add(v, section)
	// Digits may end a number, as in 1만5000; a Korean one only before its
	// currency, for 이 also begins 이상.
	if _, money := p.currencyAfter(at); cur != nil && at > end && (!word || money > at) {
		v.Add(v, cur)
		end = at
	}
	if _, money := p.currencyAfter(end); first == nil && money == end && !p.compared(end) {
		return nil, false, i
	}
	return v, true, end
}

// koreanRest reads the digits that go on with a Korean number at i: the 5 of
// 1만5천 and of 1만 5천원, not the 10 of "1만 10건".
func (p *parser) koreanRest(i int) (*big.Int, int) {
	at := p.skipSpace(i)
	d, end, err := p.digits(at)
	if err != nil || d == nil {
		return nil, i
	}
	r, _ := p.rune(end)
	_, money := p.currencyAfter(end)
	if at > i && koreanSmall[r] == 0 && koreanBig[r] == 0 && money == end {
		return nil, i
	}
	return d, end
}
