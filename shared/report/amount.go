package report

import (
	"regexp"
	"strings"
)

// Amount is an amount of money in decimal digits, as an exact string and never a
// float. It is shown as it is: the digits of a large sum may pass for those of a card
// number, and masked a control total would be worth nothing.
type Amount string

// likeCard is how many digits the shortest card number has.
const likeCard = 13

var decimal = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)

func (a Amount) node() *node {
	if decimal.MatchString(string(a)) {
		return &node{kind: ownNode, scalar: string(a)}
	}
	return own(string(a))
}

// String is the amount for a sentence, where it stands among other text and is
// masked like it: with commas between thousands where it is as long as a card number.
func (a Amount) String() string {
	if len(a) < likeCard || !decimal.MatchString(string(a)) {
		return string(a)
	}
	return a.Grouped()
}

// Grouped puts commas between thousands.
func (a Amount) Grouped() string {
	whole, fraction, point := strings.Cut(string(a), ".")
	sign := ""
	if rest, negative := strings.CutPrefix(whole, "-"); negative {
		sign, whole = "-", rest
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if point {
		whole += "." + fraction
	}
	return sign + whole
}
