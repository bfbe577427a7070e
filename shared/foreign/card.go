package foreign

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Payment card numbers have 13 to 19 digits (ISO/IEC 7812).
const (
	minCard = 13
	maxCard = 19
)

// MaskCards replaces all but the last four digits of every card-like number in
// s: 13 to 19 digits of any script with a valid Luhn check digit, whole, in groups
// with single spaces or dashes between them, or in the groups that are printed on
// cards with one or two of any separators between them. Numbers that begin with 0 or
// 1 are left alone: no card network for shoppers uses them, and epoch milliseconds
// begin with 1.
func MaskCards(s string) string {
	if !mayHoldCard(s) {
		return s
	}
	runes := []rune(s)
	var out strings.Builder
	shown := 0 // runes[:shown] are written
	for i := 0; i < len(runes); {
		if digit(runes[i]) < 0 {
			i++
			continue
		}
		end := groupEnd(runes, i)
		if cardEnd, last4 := cardAt(runes, i); cardEnd > 0 {
			out.WriteString(string(runes[shown:i]))
			out.WriteString("****" + last4)
			shown, end = cardEnd, cardEnd
		}
		i = end
	}
	if shown == 0 {
		return s
	}
	out.WriteString(string(runes[shown:]))
	return out.String()
}

// mayHoldCard reports whether enough digits for a card number stand together, as far as
// ASCII tells, which nearly all text is: what no card number is in need not be looked
// through digit by digit.
func mayHoldCard(s string) bool {
	digits, between := 0, 0
	for i := range len(s) {
		switch kinds[s[i]] {
		case aDigit:
			if digits, between = digits+1, 0; digits == minCard {
				return true
			}
		case aSeparator:
			if between++; between > 2 {
				digits = 0
			}
		case aLetter:
			digits, between = 0, 0
		default:
			return true
		}
	}
	return false
}

// kinds are what each byte is in text.
var kinds = func() (all [256]kind) {
	for c := range all {
		switch {
		case c >= utf8.RuneSelf:
			all[c] = beyondASCII
		case c >= '0' && c <= '9':
			all[c] = aDigit
		case separator(rune(c)):
			all[c] = aSeparator
		}
	}
	return all
}()

type kind byte

const (
	aLetter kind = iota // or any other that stands in no card number
	aDigit
	aSeparator
	beyondASCII
)

// groupEnd returns the index behind the unbroken digits that start at i.
func groupEnd(runes []rune, i int) int {
	for i < len(runes) && digit(runes[i]) >= 0 {
		i++
	}
	return i
}

// cardAt reports the longest card number made of whole groups of digits that
// starts at i: the index behind it and its last four digits; 0 if there is none.
func cardAt(runes []rune, i int) (end int, last4 string) {
	digits, groups := make([]byte, 0, maxCard), make([]int, 0, maxCard)
	for loose := true; ; { // single spaces and dashes alone
		start := i
		for ; i < len(runes) && digit(runes[i]) >= 0; i++ {
			if len(digits) == maxCard {
				return end, last4
			}
			digits = append(digits, '0'+byte(digit(runes[i])))
		}
		groups = append(groups, i-start)
		if (loose || printed(groups)) && isCard(digits) {
			end, last4 = i, string(digits[len(digits)-4:])
		}
		width := gap(runes[i:])
		if width == 0 {
			return end, last4
		}
		loose = loose && width == 1 && (runes[i] == ' ' || runes[i] == '-')
		i += width
	}
}

// gap is how many separators stand at the start, before another digit; 0 for more
// than two, or none.
func gap(runes []rune) int {
	for i, r := range runes[:min(len(runes), 3)] {
		switch {
		case i > 0 && digit(r) >= 0:
			return i
		case i == 2 || !separator(r):
			return 0
		}
	}
	return 0
}

func separator(r rune) bool {
	switch {
	case r < 0x80:
		return r == ' ' || r == '-' || r == '.' || r == '_' || r == '/'
	case r == '\u2212': // minus
		return true
	}
	return unicode.In(r, unicode.Zs, unicode.Pd)
}

// printed reports whether groups of digits are as long as those on a card: fours
// with a rest, or 4, 6 and 4 or 5. Times, dates, addresses and versions are not.
func printed(groups []int) bool {
	if len(groups) == 3 && groups[0] == 4 && groups[1] == 6 {
		return groups[2] == 4 || groups[2] == 5
	}
	last := len(groups) - 1
	return groups[last] <= 4 && !slices.ContainsFunc(groups[:last], func(n int) bool { return n != 4 })
}

// digit returns the value of a decimal digit of any script, or -1.
func digit(r rune) int {
	switch {
	case r >= '0' && r <= '9':
		return int(r - '0')
	case r < 0x80 || !unicode.Is(unicode.Nd, r):
		return -1
	}
	// The digits of a script stand together, from zero on.
	for _, x := range unicode.Nd.R16 {
		if rune(x.Lo) <= r && r <= rune(x.Hi) {
			return int(r-rune(x.Lo)) % 10
		}
	}
	for _, x := range unicode.Nd.R32 {
		if rune(x.Lo) <= r && r <= rune(x.Hi) {
			return int(r-rune(x.Lo)) % 10
		}
	}
	return -1
}

// isCard reports whether ASCII digits have a card's length, first digit and
// Luhn check digit.
func isCard(digits []byte) bool {
	if len(digits) < minCard || len(digits) > maxCard || digits[0] < '2' {
		return false
	}
	sum := 0
	for i, d := range digits {
		v := int(d - '0')
		if (len(digits)-i)%2 == 0 {
			if v *= 2; v > 9 {
				v -= 9
			}
		}
		sum += v
	}
	return sum%10 == 0
}
