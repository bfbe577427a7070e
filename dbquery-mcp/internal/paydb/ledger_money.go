package paydb

import (
	"math"
	"strconv"
	"strings"
)

// Money is an amount as the ledger compares it: exact, in whole units and
// billionths of one, so that 1000 and 1000.00 are equal. It is made for reading
// millions of rows; Sum is for what does not fit.
type Money struct {
	Whole    int64
	Fraction int32 // billionths, with the sign of the whole
}

// fractionDigits is how many digits behind the point Money holds.
const fractionDigits = 9

// billionth is how many of a Fraction make one.
const billionth = 1_000_000_000

// parseMoney reads an amount as a database writes it. What does not fit is not ok.
func parseMoney(b []byte) (m Money, ok bool) {
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		b = b[1:]
	}
	whole, fraction, digits := int64(0), int32(0), -1 // digits behind the point; -1: before it
	if len(b) == 0 || b[0] == '.' {
		return Money{}, false
	}
	for _, c := range b {
		switch {
		case c == '.' && digits < 0:
			digits = 0
		case c < '0' || c > '9' || digits == fractionDigits && c != '0':
			return Money{}, false
		case digits == fractionDigits:
		case digits >= 0:
			fraction, digits = fraction*10+int32(c-'0'), digits+1
		case whole > (math.MaxInt64-9)/10:
			return parseLongest(b, negative)
		default:
			whole = whole*10 + int64(c-'0')
		}
	}
	for ; digits >= 0 && digits < fractionDigits; digits++ {
		fraction *= 10
	}
	if negative {
		return Money{-whole, -fraction}, true
	}
	return Money{whole, fraction}, true
}

// parseLongest reads whole numbers at the end of what a BIGINT holds.
func parseLongest(b []byte, negative bool) (Money, bool) {
	text := string(b)
	if negative {
		text = "-" + text
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return Money{Whole: n}, err == nil
}

// moneyOf takes a value as the driver gives it.
func moneyOf(v any) (Money, bool) {
	switch v := v.(type) {
	case int64:
		return Money{Whole: v}, true
	case []byte:
		return parseMoney(v)
	}
	return Money{}, false
}

// IsZero reports whether it is nothing.
func (m Money) IsZero() bool { return m == Money{} }

// Compare is -1, 0 or 1 as m is less than, equal to or more than o.
func (m Money) Compare(o Money) int {
	switch {
	case m.Whole < o.Whole || m.Whole == o.Whole && m.Fraction < o.Fraction:
		return -1
	case m == o:
		return 0
	}
	return 1
}

// Plus adds. What is more than a Money holds becomes the most it holds, which is
// no payment's amount.
func (m Money) Plus(o Money) Money {
	fraction := int64(m.Fraction) + int64(o.Fraction)
	whole := m.Whole + o.Whole
	if m.Whole > 0 && o.Whole > 0 && whole < 0 {
		return Money{Whole: math.MaxInt64}
	}
	if m.Whole < 0 && o.Whole < 0 && whole >= 0 {
		return Money{Whole: math.MinInt64}
	}
	whole += fraction / billionth
	fraction %= billionth
	switch { // the two have one sign
	case whole > 0 && fraction < 0:
		whole, fraction = whole-1, fraction+billionth
	case whole < 0 && fraction > 0:
		whole, fraction = whole+1, fraction-billionth
	}
	return Money{whole, int32(fraction)} //nolint:gosec // below a billion
}

// Minus subtracts.
func (m Money) Minus(o Money) Money { return m.Plus(Money{-o.Whole, -o.Fraction}) }

// String writes it in decimal digits.
func (m Money) String() string {
	if m.Fraction == 0 {
		return strconv.FormatInt(m.Whole, 10)
	}
	sign, fraction := "", int64(m.Fraction)
	if fraction < 0 {
		fraction = -fraction
		if m.Whole == 0 {
			sign = "-"
		}
	}
	digits := strconv.FormatInt(billionth+fraction, 10)[1:]
	return sign + strconv.FormatInt(m.Whole, 10) + "." + strings.TrimRight(digits, "0")
}

// Amounts counts amounts of one currency and adds them up, however many they are.
type Amounts struct {
	Count int64
	part  Money // of what was added last, far from the most that a Money holds
	whole Sum
}

// roomy is half of what a Money holds: two below it can be added.
const roomy = math.MaxInt64 / 2

// Add adds an amount.
func (a *Amounts) Add(m Money) {
	a.Count++
	a.add(m)
}

func (a *Amounts) add(m Money) {
	if a.part.Whole >= roomy || a.part.Whole <= -roomy || m.Whole >= roomy || m.Whole <= -roomy {
		a.flush(a.part)
		a.flush(m)
		a.part = Money{}
		return
	}
	a.part = a.part.Plus(m)
}

func (a *Amounts) flush(m Money) {
	if err := a.whole.Add(m.String()); err != nil {
		panic("paydb: an amount writes itself as no number") // Money's String and Sum disagree
	}
}

// Join adds what another has counted.
func (a *Amounts) Join(o Amounts) {
	a.Count += o.Count
	a.add(o.part)
	if err := a.whole.Add(o.whole.String()); err != nil {
		panic("paydb: a sum writes itself as no number") // Sum's own String and Add disagree
	}
}

// String writes the sum in decimal digits.
func (a Amounts) String() string {
	var s Sum
	for _, part := range []string{a.whole.String(), a.part.String()} {
		if err := s.Add(part); err != nil {
			panic("paydb: a sum writes itself as no number")
		}
	}
	return s.String()
}
