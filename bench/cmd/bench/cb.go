package main

import (
	"context"
	"flag"
	"fmt"
	"io"

	"payops-mcp/bench/cb"
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
	return measurement{"cb", args, *file, func() ([]result.Figure, []string, error) { return cb.Run(ctx, o) }}.tell(stdout, stderr)
}
