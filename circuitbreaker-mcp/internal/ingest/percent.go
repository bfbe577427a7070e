package ingest

import (
	"strconv"
	"strings"
	"unicode"
)

// percent reads a rate as Java's String.format("%.2f%%", rate) writes it in the
// locale of the service's JVM: any script's digits, and a point, a comma or the
// Arabic separator. It returns nil for -1.00%, which means too few calls, and ok
// is false for anything else that is no percentage from 0 to 100.
func percent(text string) (rate *float64, ok bool) {
	text = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) { // marks that turn the writing direction
			return -1
		}
		return r
	}, text)
	number, found := strings.CutSuffix(text, "%")
	if !found {
		number, found = strings.CutSuffix(text, "٪")
	}
	if !found {
		return nil, false
	}
	ascii := make([]byte, 0, len(number))
	for _, r := range strings.TrimSpace(number) {
		switch {
		case unicode.IsDigit(r):
			ascii = append(ascii, '0'+digit(r))
		case r == '.' || r == ',' || r == '٫':
			ascii = append(ascii, '.')
		case (r == '-' || r == '−') && len(ascii) == 0:
			ascii = append(ascii, '-')
		default:
			return nil, false
		}
	}
	v, err := strconv.ParseFloat(string(ascii), 64)
	switch {
	case err != nil:
		return nil, false
	case v == -1:
		return nil, true
	case v < 0 || v > 100 || ascii[0] == '-':
		return nil, false
	}
	return &v, true
}

// digit is the value of a decimal digit of any script: Unicode keeps each
// script's ten digits together and in order.
func digit(r rune) byte {
	for _, t := range unicode.Nd.R16 {
		if r >= rune(t.Lo) && r <= rune(t.Hi) {
			return byte((r - rune(t.Lo)) % 10)
		}
	}
	for _, t := range unicode.Nd.R32 {
		if r >= rune(t.Lo) && r <= rune(t.Hi) {
			return byte((r - rune(t.Lo)) % 10)
		}
	}
	return 0 // not reached: the caller has seen that it is a digit
}
