// Package report is what every answer is made of: a summary, a verdict, findings
// with their evidence, the sources asked, what was looked at, and the tool's own
// facts. Text and structured form are rendered from the one Answer value, because
// some hosts show a model only the text and others only the structure.
package report

import (
	"slices"
	"time"

	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
)

// Answer is the answer of a tool; D holds the tool's own facts.
//
// Fields of D take their names from json tags. Values that came out of a system
// under diagnosis have the type foreign.Text; in a sentence of ours they stand by
// Text.Quoted, for double quotes are how a reader tells them from our words. Arrays
// of structs become tables in the text form. A nil pointer, a zero time and NaN are
// "not known", never zero.
type Answer[D any] struct {
	Summary  string // one line, what an engineer wants read out
	Verdict  catalog.Verdict
	Because  string // what keeps the verdict from being better, when findings do not say it
	Findings []Finding
	RuledOut []catalog.Code // the rules that ran and found nothing
	Sources  []fault.Source
	Coverage Coverage
	Data     D
	AsOf     time.Time // the clock of the system asked

	// Pictures go to hosts that show images, beside both forms and outside of
	// their cap. They must tell nothing that the forms do not.
	Pictures []Picture
}

// Picture is an image.
type Picture struct {
	MIME string // image/png
	Data []byte
}

// Coverage is what was looked at.
type Coverage struct {
	Window string   `json:"window,omitempty"` // both ends of the time looked at, with offsets
	Looked []string `json:"looked,omitempty"` // what was looked at: "2 of 2 shards", "3 of 3 keys"
	Not    []string `json:"not_looked,omitempty"`
	Cut    bool     `json:"truncated"`
	More   string   `json:"more,omitempty"` // how to get the rest
	Cursor string   `json:"cursor,omitempty"`
}

// Conclude orders the findings, causes first and worst first, and sets the
// verdict: the worst of the findings; without one, unknown if a source that the
// question needs did not answer, or if the tool has said in Because what it could
// not find out, else ok. Judges list in ran the codes whose rules ran; those not
// found become RuledOut.
func (a *Answer[D]) Conclude(ran ...catalog.Code) {
	sortFindings(a.Findings)
	a.Verdict = verdict(a.Findings, a.Sources)
	if a.Verdict == catalog.OK && a.Because != "" {
		a.Verdict = catalog.Unknown
	}
	if a.Verdict == catalog.Unknown && a.Because == "" {
		a.Because = failedSources(a.Sources)
	}
	found := map[catalog.Code]bool{}
	for _, f := range a.Findings {
		found[f.Code] = true
	}
	for _, c := range ran {
		if !found[c] && !slices.Contains(a.RuledOut, c) {
			a.RuledOut = append(a.RuledOut, c)
		}
	}
}

func verdict(findings []Finding, sources []fault.Source) catalog.Verdict {
	worst := catalog.OK
	for _, f := range findings {
		switch f.Verdict {
		case catalog.CriticalVerdict:
			return catalog.CriticalVerdict
		case catalog.Attention:
			worst = catalog.Attention
		case catalog.Unknown:
			if worst == catalog.OK {
				worst = catalog.Unknown
			}
		case catalog.OK:
		}
	}
	if worst == catalog.OK && failedSources(sources) != "" {
		return catalog.Unknown
	}
	return worst
}

// failedSources says which sources did not answer; empty when all did. Every
// source in an answer was asked because the question needs it.
func failedSources(sources []fault.Source) string {
	s := ""
	for _, src := range sources {
		if src.OK() {
			continue
		}
		if s != "" {
			s += ", "
		}
		s += src.Name
	}
	if s == "" {
		return ""
	}
	return "no answer from " + s
}
