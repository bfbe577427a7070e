package incident

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"payops-mcp/shared/catalog"
)

// Said is what one tool said, as far as it is judged.
type Said struct {
	Server   string // circuitbreaker, dbquery or rediscache
	Tool     string
	Args     map[string]any // what it was asked with
	IsError  bool
	Verdict  catalog.Verdict
	Findings []Finding
	Missing  []string // the sources that did not answer
	Advice   int      // how many of those say what to do about it
	Text     string   // the whole text form
}

// Finding is a finding as it was reported.
type Finding struct {
	Code     catalog.Code
	Kind     catalog.Kind
	Severity catalog.Severity
	Steps    []string // what it says to do next
	Confirm  string   // the tool that separates it from its rivals; empty where none does
}

// MaxText is the most bytes an answer about an incident may have: about 900
// tokens.
const MaxText = 3600

// Fault is a kind of mistake, by which mistakes are counted.
type Fault string

// The kinds of mistakes.
const (
	Failed       Fault = "failed"        // the call was answered with an error
	TooLong      Fault = "too long"      // the text form is longer than MaxText
	FalseHealthy Fault = "false healthy" // ok is concluded where it is not so, or not known
	WrongVerdict Fault = "wrong verdict" // any other conclusion that the roots do not bear
	Missed       Fault = "missed"        // a root, or what must be shown, is not reported as what it is
	WrongCause   Fault = "wrong cause"   // a cause that is none
	Forbidden    Fault = "forbidden"     // a code that the row forbids
	FalseAlarm   Fault = "false alarm"   // anything above info on a healthy system
	SymptomFirst Fault = "symptom first" // a symptom before its cause, or without it
	NoAdvice     Fault = "no advice"     // a root without a next step
	Unsafe       Fault = "unsafe"        // a step that cannot be undone, and nobody who decides it
	NoSuchTool   Fault = "no such tool"  // it is to be confirmed with a tool that no server lists
	NotQuoted    Fault = "not quoted"    // a number or a name that was injected stands in no answer
	Leaked       Fault = "leaked"        // what must never stand in an answer does
)

// Mistake is one thing that is wrong with the answers of an investigation.
type Mistake struct {
	Fault Fault        `json:"fault"`
	Tool  string       `json:"tool,omitempty"`
	Code  catalog.Code `json:"code,omitempty"`
	Text  string       `json:"text"` // a sentence that names tool and code
}

func (m Mistake) String() string { return m.Text }

// Happening is an incident that lasts while questions are asked.
type Happening struct {
	Row Row
	Did Injected
}

// Assess says what is wrong with the answers of an investigation while some
// things happen at the same time; nothing means that each was named, and nothing
// else.
//
// Each root must be reported, as what it is, by the server that sees it, and so
// must each code that a row shows and whose rule holds. A cause of medium severity or worse that no
// root explains is wrong, and so is a code that a row forbids and no other makes
// true. A symptom must not stand before its cause. The verdict is that of the
// roots; for a tool that cannot see them, that of what it reports; it is never ok
// while a source is missing. Every number in the quotes must stand in the answers. A
// healthy system that looks bad must get nothing above info but what the rows
// allow and show. What cannot be undone is for a person to decide. What a finding is to
// be confirmed with must be a tool.
//
// When one thing happens, all answers are about it. When several do, an answer is
// about those that it was asked for, and may name the others.
func Assess(all []Happening, said []Said) []Mistake {
	j := judgement{all: all, roots: map[catalog.Code]bool{}, expected: map[catalog.Code]bool{}, forbidden: map[catalog.Code]bool{}, follows: map[catalog.Code]bool{}}
	for _, h := range all {
		for _, c := range h.Row.Root {
			j.roots[c] = true
			for f := range Follows(c) {
				j.follows[f] = true
			}
		}
		for _, c := range slices.Concat(h.Row.Root, h.Row.Shows, h.Row.Allow) {
			j.expected[c] = true
		}
		for _, c := range h.Row.Forbid {
			j.forbidden[c] = true
		}
	}
	for _, s := range said {
		j.answer(s)
	}
	for _, h := range all {
		j.happening(h, said)
	}
	return j.mistakes
}

// Judge is Assess of the row alone, in words.
func (r Row) Judge(said []Said, quotes []string) []string {
	return Words(Assess([]Happening{{r, Injected{Quotes: quotes}}}, said))
}

// Words are the sentences of mistakes.
func Words(mistakes []Mistake) []string {
	words := make([]string, 0, len(mistakes))
	for _, m := range mistakes {
		words = append(words, m.Text)
	}
	return words
}

// judgement is what several rows come to, and the mistakes found so far.
type judgement struct {
	all                                 []Happening
	roots, expected, forbidden, follows map[catalog.Code]bool
	mistakes                            []Mistake
}

func (j *judgement) wrong(f Fault, tool string, code catalog.Code, format string, args ...any) {
	j.mistakes = append(j.mistakes, Mistake{f, tool, code, fmt.Sprintf(format, args...)})
}

// answer judges one answer by itself.
func (j *judgement) answer(s Said) {
	if s.IsError {
		j.wrong(Failed, s.Tool, "", "%s failed: %s", s.Tool, s.Text)
		return
	}
	if most := j.maxText(); len(s.Text) > most {
		j.wrong(TooLong, s.Tool, "", "%s answered with %d bytes, want at most %d", s.Tool, len(s.Text), most)
	}
	j.verdict(s)
	for i, f := range s.Findings {
		j.finding(s, i, f)
	}
	for _, h := range j.all {
		for _, never := range h.Did.Never {
			if strings.Contains(s.Text, never) {
				j.wrong(Leaked, s.Tool, "", "%s says %q, which must never stand in an answer", s.Tool, never)
			}
		}
	}
}

// maxText is how long an answer may be: half as long again for each further thing
// that is wrong.
func (j *judgement) maxText() int {
	return MaxText + max(0, len(j.roots)-1)*MaxText/2
}

func (j *judgement) finding(s Said, i int, f Finding) {
	switch {
	case j.expected[f.Code]:
	case j.forbidden[f.Code] && !j.follows[f.Code]:
		fault := Forbidden
		if len(j.roots) == 0 {
			fault = FalseAlarm
		}
		j.wrong(fault, s.Tool, f.Code, "%s reports %s, which is forbidden here", s.Tool, f.Code)
	case len(j.roots) == 0 && (f.Kind == catalog.Cause || f.Severity != catalog.Info):
		j.wrong(FalseAlarm, s.Tool, f.Code, "%s reports %s (%s %s) on a healthy system", s.Tool, f.Code, f.Severity, f.Kind)
	case f.Kind == catalog.Cause && f.Severity.Rank() <= catalog.Medium.Rank() && !j.follows[f.Code]:
		j.wrong(WrongCause, s.Tool, f.Code, "%s reports the cause %s, which is none", s.Tool, f.Code)
	}
	if f.Kind == catalog.Symptom && j.causeMissingBefore(s, i) {
		j.wrong(SymptomFirst, s.Tool, f.Code, "%s reports the symptom %s before its cause, or without it", s.Tool, f.Code)
	}
	advised := len(f.Steps) > 0 || f.Kind == catalog.Source && s.Advice > 0
	if j.roots[f.Code] && !advised {
		j.wrong(NoAdvice, s.Tool, f.Code, "%s names %s and no next step", s.Tool, f.Code)
	}
	if f.Confirm != "" && !slices.Contains(toolNames, f.Confirm) {
		j.wrong(NoSuchTool, s.Tool, f.Code, "%s has %s confirmed with %s, which no server lists", s.Tool, f.Code, f.Confirm)
	}
	for _, step := range f.Steps {
		if !Safe(step) {
			j.wrong(Unsafe, s.Tool, f.Code, "%s tells at %s to do what cannot be undone, and not who decides it: %s", s.Tool, f.Code, step)
		}
	}
}

// verdict judges what an answer concludes.
func (j *judgement) verdict(s Said) {
	wrong := func(want string) {
		fault := WrongVerdict
		switch {
		case s.Verdict == catalog.OK:
			fault = FalseHealthy
		case len(j.roots) == 0 && s.Verdict != catalog.Unknown:
			fault = FalseAlarm
		}
		j.wrong(fault, s.Tool, "", "%s concludes %s, want %s", s.Tool, s.Verdict, want)
	}
	if s.Verdict == catalog.OK && len(s.Missing) > 0 {
		wrong("unknown without " + strings.Join(s.Missing, ", "))
		return
	}
	var see, found []catalog.Code
	for _, h := range j.all {
		if j.about(h, s) {
			see = append(see, h.Row.seenBy(s.Server)...)
		}
	}
	for _, f := range s.Findings {
		found = append(found, f.Code)
	}
	least, most := verdict(see), verdict(append(found, see...))
	switch {
	case len(see) == 0:
		least = most
	case len(j.all) == 1: // there is nothing else that it could have found
		most = least
	}
	if rank(s.Verdict) < rank(least) {
		wrong(string(least))
	} else if rank(s.Verdict) > rank(most) {
		wrong(string(most))
	}
}

// rank orders verdicts: what is worse is more.
func rank(v catalog.Verdict) int {
	return slices.Index([]catalog.Verdict{catalog.OK, catalog.Unknown, catalog.Attention, catalog.CriticalVerdict}, v)
}

// happening judges whether the answers together tell of one of the things that
// happen.
func (j *judgement) happening(h Happening, said []Said) {
	shown := slices.DeleteFunc(slices.Clone(h.Row.Shows), func(c catalog.Code) bool { return slices.Contains(h.Did.Unshown, c) })
	for _, c := range slices.Concat(h.Row.Root, shown) {
		if e, _ := catalog.Find(c); !reported(said, c, e) {
			j.wrong(Missed, "", c, "%s does not report %s", e.Emitter, c)
		}
	}
	about := slices.DeleteFunc(slices.Clone(said), func(s Said) bool { return !j.asked(h, s) })
	for _, q := range h.Did.Quotes {
		if !quoted(about, q) {
			j.wrong(NotQuoted, "", "", "no answer quotes %s", q)
		}
	}
}

// asked reports whether an answer is to a question about a happening.
func (j *judgement) asked(h Happening, s Said) bool {
	return len(j.all) == 1 || slices.ContainsFunc(h.Did.Asks, func(a Ask) bool { return a.Tool == s.Tool && sameArgs(a.Args, s.Args) })
}

// about reports whether an answer must tell of the roots of a happening.
func (j *judgement) about(h Happening, s Said) bool {
	return j.asked(h, s) && !slices.Contains(h.Did.Aside, s.Tool)
}

// sameArgs compares arguments as JSON: what an incident asks may have been read
// back from a file.
func sameArgs(a, b map[string]any) bool {
	if len(a) == 0 || len(b) == 0 {
		return len(a) == len(b)
	}
	left, err := json.Marshal(a)
	right, err2 := json.Marshal(b)
	return err == nil && err2 == nil && string(left) == string(right)
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

// Follows is every code that follows from one, in any number of steps.
func Follows(c catalog.Code) map[catalog.Code]bool {
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
	walk(c)
	return all
}

// causeMissingBefore reports whether the symptom at i stands before, or without,
// the roots that explain it and that the tool sees. Of roots of several things that
// happen one is enough: which of them a symptom is of, nobody can tell.
func (j *judgement) causeMissingBefore(s Said, i int) bool {
	before := func(root catalog.Code) bool {
		return slices.ContainsFunc(s.Findings[:i], func(f Finding) bool { return f.Code == root })
	}
	missing, there := false, false
	for _, h := range j.all {
		for _, root := range h.Row.Root {
			e, _ := catalog.Find(root)
			if e.Emitter != s.Server || !slices.Contains(e.Explains, s.Findings[i].Code) {
				continue
			}
			if before(root) {
				there = true
			} else if j.about(h, s) {
				missing = true
			}
		}
	}
	return missing && (!there || len(j.all) == 1)
}

func reported(said []Said, c catalog.Code, e catalog.Entry) bool {
	for _, s := range said {
		for _, f := range s.Findings {
			if f.Code == c && (s.Server == e.Emitter || e.Emitter == "each") && f.Kind == e.Kind && f.Severity == e.Severity {
				return true
			}
		}
	}
	return false
}
