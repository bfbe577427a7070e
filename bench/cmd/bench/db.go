package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"payops-mcp/bench/db"
	"payops-mcp/bench/internal/programs"
	"payops-mcp/bench/internal/result"
)

func runDB(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := db.Options{Log: stderr}
	fs := flag.NewFlagSet("bench db", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.IntVar(&o.Runs, "runs", 3, "whole runs on the first size; the median of them counts, the other sizes are measured once")
	fs.IntVar(&o.Calls, "calls", 200, "calls of run_select in a run")
	sizes := fs.String("n", "1000000", "sizes in payments a shard, at least 20000, such as 1000000,5000000; 5 million take 3 GB and some minutes")
	file := fs.String("json", "", "also write the results to `FILE`")
	if err := fs.Parse(args); err != nil {
		return exitUsage
	}
	for text := range strings.SplitSeq(*sizes, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < db.LeastPayments {
			fmt.Fprintf(stderr, "-n %s: want numbers of at least %d\n", *sizes, db.LeastPayments)
			return exitUsage
		}
		o.Payments = append(o.Payments, n)
	}
	if fs.NArg() > 0 || o.Runs < 1 || o.Calls < 1 {
		fmt.Fprintln(stderr, "want flags alone, and numbers above zero")
		return exitUsage
	}
	report := result.Begin(strings.Join(append([]string{"scripts/bench db"}, args...), " "))
	figures, versions, err := db.Run(ctx, o)
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
