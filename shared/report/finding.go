package report

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"payops-mcp/shared/catalog"
)

// Finding is one thing that is so, with what shows it.
type Finding struct {
	Code     catalog.Code
	Severity catalog.Severity
	Kind     catalog.Kind
	Verdict  catalog.Verdict
	Claim    string // one sentence with the numbers
	Evidence []Evidence
	Blast    string   // who or what is hurt; empty when it is not known
	Next     []string // safe and reversible steps, in order
	Confirm  string   // the tool, of whichever server, that separates this cause from its rivals
}

// Evidence is a value that a system gave.
type Evidence struct {
	Source string    `json:"source"`
	Asked  string    `json:"asked"`
	Value  string    `json:"value"` // with its unit; what a system said in words goes in by foreign.Text.Quoted
	At     time.Time `json:"at,omitzero"`
}

// NewFinding makes a finding with kind, severity and verdict of the catalog. A
// code that the catalog does not have is a mistake in our code and panics.
func NewFinding(code catalog.Code, claim string, args ...any) Finding {
	e, ok := catalog.Find(code)
	if !ok {
		panic("report: no such finding code: " + string(code))
	}
	if len(args) > 0 {
		claim = fmt.Sprintf(claim, args...)
	}
	return Finding{Code: code, Severity: e.Severity, Kind: e.Kind, Verdict: e.Verdict, Claim: claim}
}

// With adds evidence.
func (f Finding) With(source, asked, value string, at time.Time) Finding {
	f.Evidence = append(f.Evidence, Evidence{Source: source, Asked: asked, Value: value, At: at})
	return f
}

// Hurts says who or what is hurt.
func (f Finding) Hurts(whom string, args ...any) Finding {
	if len(args) > 0 {
		whom = fmt.Sprintf(whom, args...)
	}
	f.Blast = whom
	return f
}

// Then adds safe steps.
func (f Finding) Then(steps ...string) Finding {
	f.Next = append(f.Next, steps...)
	return f
}

// ConfirmWith names the tool that separates this cause from its rivals.
func (f Finding) ConfirmWith(tool string) Finding {
	f.Confirm = tool
	return f
}

// Unsure lowers a finding that rests on something assumed: its severity becomes
// low, and it makes the verdict unknown, neither healthy nor an alarm.
func (f Finding) Unsure() Finding {
	if f.Severity.Rank() < catalog.Low.Rank() {
		f.Severity, f.Verdict = catalog.Low, catalog.Unknown
	}
	return f
}

// sortFindings puts causes before symptoms before our own missing sources, the
// worst first within each.
func sortFindings(fs []Finding) {
	kinds := []catalog.Kind{catalog.Cause, catalog.Symptom, catalog.Source}
	slices.SortStableFunc(fs, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind)),
			cmp.Compare(a.Severity.Rank(), b.Severity.Rank()),
		)
	})
}
