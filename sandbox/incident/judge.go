package incident

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"payops-mcp/shared/catalog"
)

// Said is what one tool said, as far as it is judged.
type Said struct {
	Server   string // circuitbreaker, dbquery or rediscache
	Tool     string
	IsError  bool
	Verdict  catalog.Verdict
	Findings []Finding
	Advice   int    // how many sources that failed say what to do about it
	Text     string // the whole text form
	Aside    bool   // the tool was not asked about the cause, see Ask
}

// Finding is a finding as it was reported.
type Finding struct {
	Code     catalog.Code
	Kind     catalog.Kind
	Severity catalog.Severity
	Next     int // how many next steps it gives
}

// MaxText is the most bytes an answer about an incident may have: about 900
// tokens.
const MaxText = 3600

// Judge says what is wrong with the answers of an investigation; nothing means
// that the incident was named, and nothing else.
//
// Each root must be reported, as what it is, by the server that sees it. A cause
// of medium severity or worse that no root explains is wrong, and so is a code
// that the row forbids. A symptom must not stand before its cause. The verdict is
// that of the roots; for a tool that cannot see them, that of what it reports.
// Every number in quotes must stand in the answers. A healthy system that looks
// bad must get nothing above info but what the row allows.
func (r Row) Judge(said []Said, quotes []string) (mistakes []string) {
	wrong := func(format string, args ...any) { mistakes = append(mistakes, fmt.Sprintf(format, args...)) }
	follows := r.explained()
	for _, s := range said {
		if s.IsError {
			wrong("%s failed: %s", s.Tool, s.Text)
			continue
		}
		if len(s.Text) > MaxText {
			wrong("%s answered with %d bytes, want at most %d", s.Tool, len(s.Text), MaxText)
		}
		if want := r.verdictOf(s); s.Verdict != want {
			wrong("%s concludes %s, want %s", s.Tool, s.Verdict, want)
		}
		for i, f := range s.Findings {
			expected := slices.Contains(r.Root, f.Code) || slices.Contains(r.Allow, f.Code)
			switch {
			case expected:
			case slices.Contains(r.Forbid, f.Code) && !follows[f.Code]:
				wrong("%s reports %s, which is forbidden here", s.Tool, f.Code)
			case r.Healthy() && (f.Kind == catalog.Cause || f.Severity != catalog.Info):
				wrong("%s reports %s (%s %s) on a healthy system", s.Tool, f.Code, f.Severity, f.Kind)
			case f.Kind == catalog.Cause && f.Severity.Rank() <= catalog.Medium.Rank() && !follows[f.Code]:
				wrong("%s reports the cause %s, which is none", s.Tool, f.Code)
			}
			if f.Kind == catalog.Symptom && !s.Aside && r.causeMissingBefore(s, i) {
				wrong("%s reports the symptom %s before its cause, or without it", s.Tool, f.Code)
			}
			advised := f.Next > 0 || f.Kind == catalog.Source && s.Advice > 0
			if slices.Contains(r.Root, f.Code) && !advised {
				wrong("%s names %s and no next step", s.Tool, f.Code)
			}
		}
	}
	for _, c := range r.Root {
		if e, _ := catalog.Find(c); !reported(said, c, e) {
			wrong("%s does not report %s", e.Emitter, c)
		}
	}
	for _, q := range quotes {
		if !quoted(said, q) {
			wrong("no answer quotes %s", q)
		}
	}
	return mistakes
}

// verdictOf is what a tool must conclude: the verdict of the roots that it sees,
// else that of what it reports, which without a finding is ok.
func (r Row) verdictOf(s Said) catalog.Verdict {
	var codes []catalog.Code
	if !s.Aside {
		codes = r.seenBy(s.Server)
	}
	if len(codes) == 0 {
		for _, f := range s.Findings {
			codes = append(codes, f.Code)
		}
	}
	return verdict(codes)
}

// seenBy are the roots that a server sees.
func (r Row) seenBy(server string) []catalog.Code {
	var seen []catalog.Code
	for _, c := range r.Root {
		if e, _ := catalog.Find(c); e.Emitter == server {
			seen = append(seen, c)
		}
	}
	return seen
}

// explained is every code that follows from the roots, in any number of steps.
func (r Row) explained() map[catalog.Code]bool {
	all := map[catalog.Code]bool{}
	var walk func(c catalog.Code)
	walk = func(c catalog.Code) {
		e, _ := catalog.Find(c)
		for _, x := range e.Explains {
			if !all[x] {
				all[x] = true
				walk(x)
			}
		}
	}
	for _, c := range r.Root {
		walk(c)
	}
	return all
}

// causeMissingBefore reports whether the symptom at i stands before, or without,
// a root that explains it and that the same server sees.
func (r Row) causeMissingBefore(s Said, i int) bool {
	for _, root := range r.Root {
		e, _ := catalog.Find(root)
		if e.Emitter != s.Server || !slices.Contains(e.Explains, s.Findings[i].Code) {
			continue
		}
		if !slices.ContainsFunc(s.Findings[:i], func(f Finding) bool { return f.Code == root }) {
			return true
		}
	}
	return false
}

func reported(said []Said, c catalog.Code, e catalog.Entry) bool {
	for _, s := range said {
		for _, f := range s.Findings {
			if f.Code == c && s.Server == e.Emitter && f.Kind == e.Kind && f.Severity == e.Severity {
				return true
			}
		}
	}
	return false
}

// quoted reports whether q stands in an answer by itself: 241 is not quoted by
// 24100. Thousands separators do not count.
func quoted(said []Said, q string) bool {
	alone := regexp.MustCompile(`(^|[^0-9A-Za-z])` + regexp.QuoteMeta(q) + `($|[^0-9A-Za-z])`)
	return slices.ContainsFunc(said, func(s Said) bool {
		return alone.MatchString(s.Text) || alone.MatchString(strings.ReplaceAll(s.Text, ",", ""))
	})
}
