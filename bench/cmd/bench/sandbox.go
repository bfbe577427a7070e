package main

import (
	"context"
	"flag"
	"fmt"
	"io"

	"payops-mcp/bench/internal/result"
	"payops-mcp/bench/sandbox"
)

func runSandbox(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := sandbox.Options{Log: stderr}
	fs := flag.NewFlagSet("bench sandbox", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.IntVar(&o.Runs, "runs", 3, "whole runs; the median of them counts")
	fs.IntVar(&o.Payments, "payments", 5000, "payments that are authorized in a run")
	file := fs.String("json", "", "also write the results to `FILE`")
	if err := fs.Parse(args); err != nil {
		return exitUsage
	}
	if fs.NArg() > 0 || o.Runs < 1 || o.Payments < 1 {
		fmt.Fprintln(stderr, "want flags alone, and numbers above zero")
		return exitUsage
	}
	return measurement{"sandbox", args, *file, func() ([]result.Figure, []string, error) { return sandbox.Run(ctx, o) }}.tell(stdout, stderr)
}
