package report

import (
	"math"
	"slices"
	"strings"

	"payops-mcp/shared/catalog"
)

// ShortText is how long the text of an answer may be, in bytes, where nobody asked for
// more: an assistant reads all of it, on every call.
const ShortText = 3600

// Extra is something of an answer that can be done without.
type Extra struct {
	Name string
	Drop func() bool // leaves out the least telling that is left of it; false when there is none
}

// Shorten leaves out what matters least of an answer until its text is short enough, and
// says so. parts are in the order in which they go, those of the findings after what
// stands between them. A finding never goes.
func Shorten[D any](a *Answer[D], parts ...Extra) {
	not, left := slices.Clip(a.Coverage.Not), []string(nil)
	fits := func() bool {
		text, _ := a.Render(math.MaxInt)
		return len(text) <= ShortText
	}
	if fits() {
		return
	}
	for _, p := range parts {
		for p.Drop() {
			if !slices.Contains(left, p.Name) {
				left = append(left, p.Name)
			}
			a.Coverage.Not = append(not, "left out to be short: "+strings.Join(left, ", "))
			if fits() {
				return
			}
		}
	}
}

// each is something that findings can do without, the last finding first; the first
// so many keep it.
func each(found []Finding, name string, keep int, drop func(*Finding) bool) Extra {
	return Extra{name, func() bool {
		for i := len(found) - 1; i >= keep; i-- {
			if drop(&found[i]) {
				return true
			}
		}
		return false
	}}
}

// FurtherSteps are those of findings after their first.
func FurtherSteps(found []Finding) Extra {
	return each(found, "further steps", 0, func(f *Finding) bool {
		some := len(f.Next) > 1
		f.Next = f.Next[:min(len(f.Next), 1)]
		return some
	})
}

// Repeated is what findings say again that follow from another, or count little: whom a
// symptom hurts, and all but the first evidence of what is low.
func Repeated(found []Finding) Extra {
	return each(found, "what findings repeat", 1, func(f *Finding) bool {
		switch {
		case f.Kind == catalog.Symptom && f.Blast != "":
			f.Blast = ""
		case f.Severity == catalog.Low && len(f.Evidence) > 1:
			f.Evidence = f.Evidence[:1]
		default:
			return false
		}
		return true
	})
}

// Wordy is what findings say beyond their claim, what shows it and their first step.
func Wordy(found []Finding) []Extra {
	return []Extra{
		FurtherSteps(found),
		each(found, "whom it hurts", 1, func(f *Finding) bool {
			some := f.Blast != ""
			f.Blast = ""
			return some
		}),
		each(found, "evidence", 0, func(f *Finding) bool {
			some := len(f.Evidence) > 1
			f.Evidence = f.Evidence[:min(len(f.Evidence), 1)]
			return some
		}),
	}
}

// Bare leaves all findings but the first with their claims alone.
func Bare(found []Finding) []Extra {
	return []Extra{
		each(found, "evidence", 1, func(f *Finding) bool {
			some := len(f.Evidence) > 0
			f.Evidence = nil
			return some
		}),
		each(found, "steps", 1, func(f *Finding) bool {
			some := len(f.Next) > 0
			f.Next = nil
			return some
		}),
	}
}

// RuledOut are the rules that ran and found nothing: beside findings they can be done
// without.
func RuledOut[D any](a *Answer[D]) Extra {
	return Extra{"what was ruled out", func() bool {
		some := len(a.RuledOut) > 0
		a.RuledOut = nil
		return some
	}}
}

// Last leaves out the last of a list that has more than some.
func Last[T any](name string, list *[]T, keep int) Extra {
	return Extra{name, func() bool {
		n := len(*list)
		if n <= keep {
			return false
		}
		*list = (*list)[:n-1]
		return true
	}}
}

// Least leaves out that of a list, which has more than some, that counts least; of
// equals the first.
func Least[T any](name string, list *[]T, keep int, compare func(a, b T) int) Extra {
	return Extra{name, func() bool {
		if len(*list) <= keep {
			return false
		}
		lowest := slices.MinFunc(*list, compare)
		n := slices.IndexFunc(*list, func(x T) bool { return compare(x, lowest) == 0 })
		*list = slices.Delete(slices.Clone(*list), n, n+1)
		return true
	}}
}
