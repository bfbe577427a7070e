package watch

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"payops-mcp/sandbox/binaries"
	"payops-mcp/shared/catalog"
)

// Summary is what a time of polling came to.
type Summary struct {
	calls    map[string][]time.Duration // by tool
	server   map[string]string          // by tool
	findings map[catalog.Code]int
	verdicts map[catalog.Verdict]int
	wrong    map[string]int

	memory map[string][]int64 // bytes, by server, as Measure has seen it
}

// NewSummary is one of nothing yet.
func NewSummary() *Summary {
	return &Summary{
		calls: map[string][]time.Duration{}, server: map[string]string{},
		findings: map[catalog.Code]int{}, verdicts: map[catalog.Verdict]int{}, wrong: map[string]int{}, memory: map[string][]int64{},
	}
}

// Add counts a call, and what was wrong with it.
func (s *Summary) Add(seen Seen, wrong []string) {
	s.calls[seen.Tool] = append(s.calls[seen.Tool], seen.Took)
	s.server[seen.Tool] = seen.Server
	for _, w := range wrong {
		s.wrong[w]++
	}
	if seen.Err != nil || seen.Said.IsError {
		return
	}
	s.verdicts[seen.Said.Verdict]++
	for _, f := range seen.Said.Findings {
		s.findings[f.Code]++
	}
}

// Measure notes how much memory the servers have, where the system tells.
func (s *Summary) Measure(servers Servers) {
	for name, server := range servers {
		if bytes, ok := resident(server.PID()); ok {
			s.memory[name] = append(s.memory[name], bytes)
		}
	}
}

// Calls is how many there were.
func (s *Summary) Calls() (n int) {
	for _, some := range s.calls {
		n += len(some)
	}
	return n
}

// Wrong is how many things were wrong.
func (s *Summary) Wrong() (n int) {
	for _, some := range s.wrong {
		n += some
	}
	return n
}

// Tools is how many tools were asked.
func (s *Summary) Tools() int { return len(s.calls) }

// Print writes it for a human.
func (s *Summary) Print(w io.Writer) error {
	var all []time.Duration
	for _, some := range s.calls {
		all = append(all, some...)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "calls\t%d of %d tools\tp50 %s\tp95 %s\tmost %s\n", len(all), len(s.calls), quantile(all, 0.5), quantile(all, 0.95), quantile(all, 1))
	for _, tool := range slices.SortedFunc(maps.Keys(s.calls), func(a, b string) int {
		return cmp.Or(cmp.Compare(s.server[a], s.server[b]), cmp.Compare(a, b))
	}) {
		took := s.calls[tool]
		fmt.Fprintf(t, "  %s\t%d\tp50 %s\tp95 %s\tmost %s\n", tool, len(took), quantile(took, 0.5), quantile(took, 0.95), quantile(took, 1))
	}
	for _, v := range slices.Sorted(maps.Keys(s.verdicts)) {
		fmt.Fprintf(t, "verdict %s\t%d\n", v, s.verdicts[v])
	}
	for _, c := range slices.Sorted(maps.Keys(s.findings)) {
		e, _ := catalog.Find(c)
		fmt.Fprintf(t, "finding %s\t%d\t%s %s\n", c, s.findings[c], e.Severity, e.Kind)
	}
	for _, name := range binaries.Servers() {
		if seen := s.memory[name]; len(seen) > 0 {
			fmt.Fprintf(t, "memory of %s\t%s at the start\t%s at the end\t%s at most\n", name, megabytes(seen[0]), megabytes(seen[len(seen)-1]), megabytes(slices.Max(seen)))
		}
	}
	fmt.Fprintf(t, "wrong\t%d\n", s.Wrong())
	for _, w := range slices.Sorted(maps.Keys(s.wrong)) {
		fmt.Fprintf(t, "  %s\t%d\n", w, s.wrong[w])
	}
	return t.Flush()
}

func megabytes(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/1e6) }

// quantile of some times, to the millisecond; 0 of none.
func quantile(all []time.Duration, q float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))].Round(time.Millisecond)
}
