// Package spelling finds names that were likely meant by one that does not exist.
package spelling

import (
	"cmp"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
)

// Near returns up to n of the names that look most like name: the same but for
// case, blanks and signs, or else a slip or two of the finger away.
func Near(name string, names []string, n int) []string {
	type near struct {
		name string
		away int
	}
	var found []near
	bare, slips := plain(name), 1+len(name)/8
	for _, other := range names {
		away := levenshtein.Distance(strings.ToLower(name), strings.ToLower(other), nil)
		if plain(other) == bare {
			away = 0
		}
		if away <= slips {
			found = append(found, near{other, away})
		}
	}
	slices.SortFunc(found, func(a, b near) int { return cmp.Or(cmp.Compare(a.away, b.away), cmp.Compare(a.name, b.name)) })
	var out []string
	for _, f := range found[:min(n, len(found))] {
		if f.away == found[0].away {
			out = append(out, f.name)
		}
	}
	return out
}

// plain leaves out what people leave out.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -_.:/#", r) {
			return -1
		}
		return r
	}, strings.ToLower(s))
}
