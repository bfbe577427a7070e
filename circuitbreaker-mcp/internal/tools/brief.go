package tools

import (
	"slices"
	"strings"

	"payops-mcp/shared/catalog"
	"payops-mcp/shared/report"
)

// manyFindings is how many findings there are from which on each tells its first
// step alone: more would not be read.
const manyFindings = 4

// brief keeps of each finding the evidence that speaks for the rest of it, where
// the facts beside it show every instance, and says each step once. What an
// instance says itself, now, is preferred. What a source that failed has said
// stands with the source; what confirms the cause of a symptom, and whom it hurts,
// stands with the cause. No answer sends to the tool that gives it.
func brief(tool string, found []report.Finding) []report.Finding {
	out := lean(found)
	var said []string
	for i := range out {
		f := &out[i]
		if own := slices.IndexFunc(f.Evidence, func(e report.Evidence) bool { return strings.HasPrefix(e.Source, "ingest ") }); own >= 0 {
			f.Evidence = f.Evidence[own : own+1]
		}
		f.Evidence = f.Evidence[:min(len(f.Evidence), 1)]
		var steps []string
		for _, step := range f.Next {
			if !slices.Contains(said, step) {
				steps = append(steps, step)
			}
		}
		if len(steps) == 0 { // a finding without any step is no help
			steps = f.Next[:min(len(f.Next), 1)]
		}
		follows := explained(*f, found)
		if len(found) > manyFindings || follows {
			steps = steps[:min(len(steps), 1)]
		}
		if follows {
			f.Confirm, f.Blast = "", ""
			f.Evidence = byMetric(f.Evidence)
		}
		if f.Confirm == tool {
			f.Confirm = ""
		}
		said = append(said, steps...)
		f.Next = steps
	}
	return out
}

// byMetric has evidence name the metric that was asked for in place of the query,
// which query_metrics has for who wants it.
func byMetric(all []report.Evidence) []report.Evidence {
	all = slices.Clone(all)
	for i, e := range all {
		if call, _, selects := strings.Cut(e.Asked, "{"); selects {
			all[i].Asked = call[strings.LastIndexByte(call, '(')+1:]
		}
	}
	return all
}

// lean leaves out what a source that failed has said, where a cause was found
// without it: it stands with the source.
func lean(found []report.Finding) []report.Finding {
	out := byCause(found)
	if !slices.ContainsFunc(found, func(f report.Finding) bool { return f.Kind == catalog.Cause }) {
		return out
	}
	for i := range out {
		if out[i].Kind == catalog.Source {
			out[i].Evidence, out[i].Next = nil, nil
		}
	}
	return out
}

// byCause has a symptom come to no more than the causes that were found of it: that
// a breaker is open is as bad as what opened it.
func byCause(found []report.Finding) []report.Finding {
	out := slices.Clone(found)
	for i, f := range out {
		if f.Verdict == catalog.CriticalVerdict && explained(f, found) && !slices.ContainsFunc(found, func(cause report.Finding) bool {
			return cause.Verdict != catalog.Attention && explained(f, []report.Finding{cause})
		}) {
			out[i].Verdict = catalog.Attention
		}
	}
	return out
}

// explained reports whether a cause that was found explains a symptom: what to do
// stands with the cause.
func explained(f report.Finding, found []report.Finding) bool {
	return f.Kind == catalog.Symptom && slices.ContainsFunc(found, func(other report.Finding) bool {
		e, _ := catalog.Find(other.Code)
		return other.Kind == catalog.Cause && slices.Contains(e.Explains, f.Code)
	})
}

// causesOnly keeps the causes of what was looked for: that none of their symptoms
// is there says the rest.
func causesOnly(ran []catalog.Code) []catalog.Code {
	return slices.DeleteFunc(slices.Clone(ran), func(c catalog.Code) bool {
		e, _ := catalog.Find(c)
		return e.Kind != catalog.Cause
	})
}
