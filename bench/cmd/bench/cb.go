package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"payops-mcp/bench/cb"
	"payops-mcp/bench/internal/programs"
	"payops-mcp/bench/internal/result"
)

func runCB(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := cb.Options{Log: stderr}
	fs := flag.NewFlagSet("bench cb", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.IntVar(&o.Runs, "runs", 3, "whole runs; the median of them counts")
	fs.IntVar(&o.Calls, "calls", 30, "calls of each tool in a run")
	file := fs.String("json", "", "also write the results to `FILE`")
	if err := fs.Parse(args); err != nil {
		return exitUsage
	}
	if fs.NArg() > 0 || o.Runs < 1 || o.Calls < 1 {
		fmt.Fprintln(stderr, "want flags alone, and numbers above zero")
		return exitUsage
	}
	report := result.Begin(strings.Join(append([]string{"scripts/bench cb"}, args...), " "))
	figures, versions, err := cb.Run(ctx, o)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitFailed
	}
	report.End(figures, programs.How, versions)
	if err := report.Table(stdout); err != nil {
		fmt.Fprintln(stderr, err)
		return exitFailed
	}
	if *file != "" {
		if err := report.Save(*file); err != nil {
			fmt.Fprintln(stderr, err)
			return exitFailed
		}
	}
	if slices.ContainsFunc(figures, func(f result.Figure) bool { return f.Verdict == result.Fail }) {
		return exitFailed
	}
	return exitOK
}
