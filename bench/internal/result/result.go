// Package result is what a benchmark comes to: figures, each with its runs, its
// bound and whether it was kept.
package result

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"payops-mcp/bench/internal/stat"
)

// Verdict says whether a bound was kept.
type Verdict string

// The verdicts.
const (
	Pass Verdict = "PASS"
	Fail Verdict = "FAIL"
	Skip Verdict = "SKIP" // it could not be measured here
	Info Verdict = "-"    // there is no bound
)

// Figure is one thing measured in several whole runs.
type Figure struct {
	Name    string    `json:"name"`
	Subject string    `json:"subject"`
	Unit    string    `json:"unit"`
	Runs    []float64 `json:"runs"`
	Median  float64   `json:"median"`
	Min     float64   `json:"min"`
	Max     float64   `json:"max"`
	CPU     []float64 `json:"cpu_runs,omitempty"` // the same of processor time, which other load moves less
	Bound   *float64  `json:"bound,omitempty"`    // at most
	Verdict Verdict   `json:"verdict"`
	Note    string    `json:"note,omitempty"`
}

// Figures gathers figures in the order in which they first come.
type Figures struct{ all []*Figure }

// figure returns a figure, made on first use.
func (f *Figures) figure(name, subject, unit string) *Figure {
	for _, have := range f.all {
		if have.Name == name && have.Subject == subject && have.Unit == unit {
			return have
		}
	}
	added := &Figure{Name: name, Subject: subject, Unit: unit, Verdict: Info}
	f.all = append(f.all, added)
	return added
}

// Add adds the value of one run.
func (f *Figures) Add(name, subject, unit string, value float64) *Figure {
	have := f.figure(name, subject, unit)
	have.Runs = append(have.Runs, value)
	return have
}

// Median returns the median of the runs so far of the figures of a name and a
// subject; NaN where there are none.
func (f *Figures) Median(name, subject string) float64 {
	for _, have := range f.all {
		if have.Name == name && have.Subject == subject {
			return stat.Median(have.Runs)
		}
	}
	return stat.Median(nil)
}

// Skip notes that a figure could not be measured.
func (f *Figures) Skip(name, subject, unit, why string) {
	have := f.figure(name, subject, unit)
	have.Verdict, have.Note = Skip, why
}

// Processor adds the processor time of the same run, in the figure's unit.
func (g *Figure) Processor(value float64) *Figure {
	g.CPU = append(g.CPU, value)
	return g
}

// AtMost sets the bound of a figure.
func (g *Figure) AtMost(bound float64) *Figure {
	g.Bound = &bound
	return g
}

// Says sets the note of a figure.
func (g *Figure) Says(format string, args ...any) *Figure {
	g.Note = fmt.Sprintf(format, args...)
	return g
}

// Judged returns the figures with their medians and verdicts. The median of the
// runs decides; where a single run was on the other side, that is said.
func (f *Figures) Judged() []Figure {
	var judged []Figure
	for _, g := range f.all {
		if len(g.Runs) == 0 {
			g.Verdict = Skip
			judged = append(judged, *g)
			continue
		}
		g.Median, g.Min, g.Max = stat.Median(g.Runs), slices.Min(g.Runs), slices.Max(g.Runs)
		if g.Bound != nil {
			g.Verdict = Pass
			if g.Median > *g.Bound {
				g.Verdict = Fail
			}
			kept := 0
			for _, r := range g.Runs {
				if r <= *g.Bound {
					kept++
				}
			}
			if kept > 0 && kept < len(g.Runs) {
				g.Note = strings.TrimSpace(fmt.Sprintf("noisy: kept in %d of %d runs. %s", kept, len(g.Runs), g.Note))
			}
		}
		judged = append(judged, *g)
	}
	return judged
}

// Table writes figures for a person.
func Table(w io.Writer, figures []Figure) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\tmeasure\tserver\tmedian\tmin..max\tat most\tunit\tcpu\t")
	for _, g := range figures {
		bound, middle, spread, cpu := "", "", "", ""
		if g.Bound != nil {
			bound = number(*g.Bound)
		}
		if len(g.Runs) > 0 {
			middle, spread = number(g.Median), number(g.Min)+".."+number(g.Max)
		}
		if len(g.CPU) > 0 {
			cpu = number(stat.Median(g.CPU))
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", g.Verdict, g.Name, g.Subject, middle, spread, bound, g.Unit, cpu, g.Note)
	}
	return t.Flush()
}

// number writes a value with the digits that mean something.
func number(v float64) string {
	switch {
	case v == float64(int64(v)) || v >= 1000 || v <= -1000:
		return fmt.Sprintf("%.0f", v)
	case v >= 10 || v <= -10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.3f", v)
}
