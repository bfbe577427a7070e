package incidents

import (
	"slices"

	"payops-mcp/bench/internal/result"
	"payops-mcp/bench/internal/stat"
	"payops-mcp/sandbox/drill"
	"payops-mcp/sandbox/incident"
)

// Line is what some scenarios come to.
type Line struct {
	Of           string  `json:"of"` // a family, a mode, or "all"
	Scenarios    int     `json:"scenarios"`
	Right        int     `json:"right"` // fully
	Roots        int     `json:"roots"`
	Named        int     `json:"named"`
	Recall       float64 `json:"recall"` // Named by Roots; 1 where there are none
	WrongCauses  int     `json:"wrong_causes"`
	Forbidden    int     `json:"forbidden"`
	FalseHealthy int     `json:"false_healthy"`
	Quiet        int     `json:"quiet_answers"` // answers while nothing was wrong
	FalseAlarms  int     `json:"false_alarms"`  // of them
	SymptomFirst int     `json:"symptom_first"`
	NotQuoted    int     `json:"not_quoted"`
	Unsafe       int     `json:"unsafe"`
	Other        int     `json:"other"` // mistakes of any other kind
	NotTried     int     `json:"not_tried"`
	Tokens       float64 `json:"tokens_median"` // of an investigation, in text form
	Seconds      float64 `json:"seconds"`
}

// line counts records.
func line(of string, records []Record) Line {
	l := Line{Of: of, Scenarios: len(records)}
	var tokens []float64
	for _, r := range records {
		if r.Right() {
			l.Right++
		}
		if r.Error != "" {
			l.NotTried++
		}
		l.Seconds += r.Seconds
		l.Roots += len(r.Roots)
		l.Named += len(r.Roots)
		for _, w := range r.Wrong {
			switch w.Fault {
			case incident.Missed:
				if slices.Contains(r.Roots, w.Code) {
					l.Named--
				} else {
					l.Other++ // what the incident looks like
				}
			case incident.WrongCause:
				l.WrongCauses++
			case incident.Forbidden:
				l.Forbidden++
			case incident.FalseHealthy:
				l.FalseHealthy++
			case incident.FalseAlarm:
				l.FalseAlarms++
			case incident.SymptomFirst:
				l.SymptomFirst++
			case incident.NotQuoted, incident.Leaked:
				l.NotQuoted++
			case incident.Unsafe, incident.NoAdvice:
				l.Unsafe++
			default:
				l.Other++
			}
		}
		for _, c := range r.Calls {
			if c.Phase != drill.During || r.Healthy {
				l.Quiet++
			}
		}
		if n := r.tokens(); n > 0 && !r.Healthy && r.Mode == drill.Alone {
			tokens = append(tokens, float64(n))
		}
	}
	l.Recall = 1
	if l.Roots > 0 {
		l.Recall = float64(l.Named) / float64(l.Roots)
	}
	if len(tokens) > 0 {
		l.Tokens = stat.Median(tokens)
	}
	return l
}

// Score is the score of records; see drill.Score.
func Score(records []Record) float64 {
	var s drill.Score
	for _, r := range records {
		s.Note(r.Healthy, r.Right())
	}
	return s.Value()
}

// Tool is what one tool costs while something is wrong.
type Tool struct {
	Name   string  `json:"name"`
	Calls  int     `json:"calls"`
	Tokens float64 `json:"tokens_median"`
	P50    float64 `json:"p50_ms"`
	P95    float64 `json:"p95_ms"`
	Max    float64 `json:"max_ms"`
}

// Summary is what a run comes to.
type Summary struct {
	Score    float64 `json:"score"`
	Families []Line  `json:"families"` // by name
	Modes    []Line  `json:"modes"`
	All      Line    `json:"all"`
	Tools    []Tool  `json:"tools"`
}

// Sum sums records up.
func Sum(records []Record) Summary {
	s := Summary{Score: Score(records), All: line("all", records)}
	families, modes := map[string][]Record{}, map[drill.Mode][]Record{}
	millis, tokens := map[string][]float64{}, map[string][]float64{}
	for _, r := range records {
		families[r.Family] = append(families[r.Family], r)
		modes[r.Mode] = append(modes[r.Mode], r)
		for _, c := range r.Calls {
			if c.Phase == drill.During {
				millis[c.Tool] = append(millis[c.Tool], c.Millis)
				tokens[c.Tool] = append(tokens[c.Tool], float64(c.Tokens))
			}
		}
	}
	for _, name := range sortedKeys(families) {
		s.Families = append(s.Families, line(name, families[name]))
	}
	for _, m := range []drill.Mode{drill.Alone, drill.Over, drill.Pair, drill.Noise} {
		if len(modes[m]) > 0 {
			s.Modes = append(s.Modes, line(string(m), modes[m]))
		}
	}
	for _, name := range sortedKeys(millis) {
		ms := millis[name]
		s.Tools = append(s.Tools, Tool{name, len(ms), stat.Median(tokens[name]), stat.Median(ms), stat.Quantile(ms, 0.95), slices.Max(ms)})
	}
	return s
}

// Figures are those with a bound, in the form of the other benchmarks.
func (s Summary) Figures() []result.Figure {
	var f result.Figures
	const of = "the three servers"
	zero := func(name string, n int, format string, args ...any) {
		f.Add(name, of, "count", float64(n)).AtMost(0).Says(format, args...)
	}
	a := s.All
	zero("root causes not named", a.Roots-a.Named, "of %d: recall %.3f", a.Roots, a.Recall)
	zero("wrong causes", a.WrongCauses+a.Forbidden, "%d of them forbidden by name", a.Forbidden)
	zero("false healthy", a.FalseHealthy, "ok where it is not so")
	zero("false alarms", a.FalseAlarms, "in %d answers while nothing was wrong", a.Quiet)
	zero("symptoms before their cause", a.SymptomFirst, "")
	zero("injected numbers not quoted", a.NotQuoted, "")
	zero("steps that are missing or cannot be undone", a.Unsafe, "")
	zero("other mistakes", a.Other, "verdicts, lengths, what must be shown besides")
	zero("scenarios not tried", a.NotTried, "of %d", a.Scenarios)
	if a.Tokens > 0 {
		f.Add("tokens of an investigation", of, "median", a.Tokens).AtMost(maxTokens).Says("text form, o200k_base")
	}
	f.Add("score", of, "of 1", s.Score).Says("%d of %d scenarios fully right", a.Right, a.Scenarios)
	return f.Judged()
}

// maxTokens is how much a whole investigation may cost, in the middle.
const maxTokens = 3000
