package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"time"

	"payops-mcp/bench/internal/result"
	"payops-mcp/bench/mcp"
)

func runMCP(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := mcp.Options{Log: stderr}
	fs := flag.NewFlagSet("bench mcp", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.IntVar(&o.Runs, "runs", 3, "whole runs; the median of them counts")
	fs.IntVar(&o.Reps, "reps", 15, "starts of each server in a run")
	fs.IntVar(&o.Load, "load", 1000, "calls in turn before memory is looked at, and as many 32 at a time")
	fs.DurationVar(&o.Rest, "rest", 3*time.Second, "how long a server rests after load before memory is looked at once more")
	file := fs.String("json", "", "also write the results to `FILE`")
	if err := fs.Parse(args); err != nil {
		return exitUsage
	}
	if fs.NArg() > 0 || o.Runs < 1 || o.Reps < 1 || o.Load < 1 {
		fmt.Fprintln(stderr, "want flags alone, and numbers above zero")
		return exitUsage
	}
	return measurement{"mcp", args, *file, func() ([]result.Figure, []string, error) { return mcp.Run(ctx, o) }}.tell(stdout, stderr)
}
