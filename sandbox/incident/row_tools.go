package incident

import (
	"slices"
	"strings"
)

// unasked are the tools of the row to which none of the questions is put. It is looked
// at whenever an incident is injected, for some ask what they have drawn.
func (r Row) unasked(asks []Ask) (left []string) {
	for _, anyOf := range r.Tools {
		put := func(a Ask) bool { return slices.Contains(strings.Split(anyOf, "|"), a.Tool) }
		if !slices.ContainsFunc(asks, put) {
			left = append(left, anyOf)
		}
	}
	return left
}
