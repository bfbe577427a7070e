package incident

import (
	"regexp"
	"slices"
	"strings"
)

// wholeNumber is a quote that any part of a time or of a fraction would look like.
var wholeNumber = regexp.MustCompile(`^[0-9]+$`)

var (
	// ofZeros is the fraction of an amount that is a whole number all the same.
	ofZeros = regexp.MustCompile(`([0-9])\.0+($|[^0-9.])`)
	// numbersOfSeveral are written in digits and are no whole number: dates, times of
	// day, fractions, addresses, versions.
	numbersOfSeveral = regexp.MustCompile(`[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2})?|[0-9]+([.:][0-9]+)+`)
)

// quoted reports whether q stands in an answer by itself: 241 is not quoted by 24100,
// nor a whole number by a part of a time, of a date or of a fraction. Thousands
// separators do not count.
func quoted(said []Said, q string) bool {
	alone := regexp.MustCompile(`(^|[^0-9A-Za-z])` + regexp.QuoteMeta(q) + `($|[^0-9A-Za-z])`)
	return slices.ContainsFunc(said, func(s Said) bool {
		return slices.ContainsFunc([]string{s.Text, strings.ReplaceAll(s.Text, ",", "")}, func(text string) bool {
			if wholeNumber.MatchString(q) {
				text = wholeOnly(text)
			}
			return alone.MatchString(text)
		})
	})
}

// wholeOnly is a text without the numbers that are not whole.
func wholeOnly(text string) string {
	return numbersOfSeveral.ReplaceAllString(ofZeros.ReplaceAllString(text, "$1$2"), "x")
}
