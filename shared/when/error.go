package when

import (
	"fmt"
	"strconv"
)

// Error says which words were not understood or cannot be, why, and what can
// be said instead. Its text is fit for the user.
type Error struct {
	Field  string // time_range, since or until; empty when the words came from elsewhere
	Text   string // the words
	Reason string
}

func (e *Error) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("%s: %s", quote(e.Text), e.Reason)
	}
	return fmt.Sprintf("%s %s: %s", e.Field, quote(e.Text), e.Reason)
}

// quote makes any input safe and short enough to show.
func quote(s string) string {
	const limit = 60
	if r := []rune(s); len(r) > limit {
		s = string(r[:limit]) + "…"
	}
	return strconv.Quote(s)
}
