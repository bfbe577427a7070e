package foreign

import "strings"

// Payment card numbers have 13 to 19 digits (ISO/IEC 7812).
const (
	minCard = 13
	maxCard = 19
)

// MaskCards replaces all but the last four digits of every card-like number in
// s: 13 to 19 digits, whole or in groups with single spaces or dashes between
// them, with a valid Luhn check digit. Numbers that begin with 0 or 1 are left
// alone: no card network for shoppers uses them, and epoch milliseconds begin
// with 1.
func MaskCards(s string) string {
	if len(s) < minCard {
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
	var digits []byte
	for {
		stop := groupEnd(runes, i)
		for ; i < stop; i++ {
			digits = append(digits, '0'+byte(digit(runes[i])))
		}
		if len(digits) > maxCard {
			return end, last4
		}
		if isCard(digits) {
			end, last4 = stop, string(digits[len(digits)-4:])
		}
		separator := stop+1 < len(runes) && (runes[stop] == ' ' || runes[stop] == '-') && digit(runes[stop+1]) >= 0
		if !separator {
			return end, last4
		}
		i = stop + 1
	}
}

// digit returns the value of an ASCII or full-width digit, or -1.
func digit(r rune) int {
	switch {
	case r >= '0' && r <= '9':
		return int(r - '0')
	case r >= '０' && r <= '９':
		return int(r - '０')
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
