package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"payops-mcp/bench/internal/programs"
	"payops-mcp/bench/internal/result"
)

// measurement is a benchmark whose flags are read.
type measurement struct {
	name string
	args []string
	file string // for the report; empty for none
	run  func() (figures []result.Figure, versions []string, err error)
}

// tell measures, writes the table to stdout and the report to its file, and
// returns the exit code.
func (m measurement) tell(stdout, stderr io.Writer) int {
	report := result.Begin(strings.Join(append([]string{"scripts/bench " + m.name}, m.args...), " "))
	figures, versions, err := m.run()
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitFailed
	}
	report.End(figures, programs.How, versions)
	if err := report.Table(stdout); err != nil {
		fmt.Fprintln(stderr, err)
		return exitFailed
	}
	if m.file != "" {
		if err := report.Save(m.file); err != nil {
			fmt.Fprintln(stderr, err)
			return exitFailed
		}
	}
	if slices.ContainsFunc(figures, func(f result.Figure) bool { return f.Verdict == result.Fail }) {
		return exitFailed
	}
	return exitOK
}

// sizes reads a comma list of numbers of at least least.
func sizes(list string, least int) (numbers []int, err error) {
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < least {
			return nil, fmt.Errorf("-n %s: want numbers of at least %d", list, least)
		}
		numbers = append(numbers, n)
	}
	return numbers, nil
}
