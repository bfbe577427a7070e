package incidents

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"text/tabwriter"

	"payops-mcp/bench/internal/result"
)

// Report is a results file.
type Report struct {
	*result.Report
	Summary
	Scenarios []Record `json:"scenarios"`
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// Table writes the report for a person.
func (r Report) Table(w io.Writer) error {
	if err := r.Report.Table(w); err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\n\tright\tof\trecall\twrong\tforbidden\tfalse ok\talarms\tquiet\torder\tquotes\tunsafe\tother\tnot tried\ttokens\tseconds")
	for _, lines := range [][]Line{r.Families, r.Modes, {r.All}} {
		for _, l := range lines {
			fmt.Fprintf(t, "%s\t%d\t%d\t%.2f\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%.0f\t%.0f\n", l.Of, l.Right, l.Scenarios, l.Recall, l.WrongCauses, l.Forbidden,
				l.FalseHealthy, l.FalseAlarms, l.Quiet, l.SymptomFirst, l.NotQuoted, l.Unsafe, l.Other, l.NotTried, l.Tokens, l.Seconds)
		}
		fmt.Fprintln(t)
	}
	fmt.Fprintln(t, "tool\tcalls\ttokens\tp50 ms\tp95 ms\tmax ms")
	for _, tool := range r.Tools {
		fmt.Fprintf(t, "%s\t%d\t%.0f\t%.1f\t%.1f\t%.1f\n", tool.Name, tool.Calls, tool.Tokens, tool.P50, tool.P95, tool.Max)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, s := range r.Scenarios {
		if !s.Right() {
			if _, err := fmt.Fprintf(w, "\n%s, seed %d: %s\n", s.Name, s.Seed, s.inWords()); err != nil {
				return err
			}
		}
	}
	_, err := fmt.Fprintf(w, "\nscore %.3f\n", r.Score)
	return err
}

// Save writes the report to a file.
func (r Report) Save(file string) error {
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(data, '\n'), 0o644) //nolint:gosec // a file of the repository
}
