package main

import (
	"context"
	"flag"
	"fmt"
	"io"

	"payops-mcp/bench/internal/result"
	"payops-mcp/bench/redis"
)

func runRedis(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := redis.Options{Log: stderr}
	fs := flag.NewFlagSet("bench redis", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.IntVar(&o.Runs, "runs", 3, "whole runs on the first size; the median of them counts, the other sizes are measured once")
	fs.IntVar(&o.Calls, "calls", 500, "calls of check_rate_limit in a run")
	list := fs.String("n", "1000000,5000000", "sizes of the Redis in keys, at least 10000; 5 million take 2 GB")
	file := fs.String("json", "", "also write the results to `FILE`")
	if err := fs.Parse(args); err != nil {
		return exitUsage
	}
	var err error
	if o.Keys, err = sizes(*list, 10_000); err != nil {
		fmt.Fprintln(stderr, err)
		return exitUsage
	}
	if fs.NArg() > 0 || o.Runs < 1 || o.Calls < 1 {
		fmt.Fprintln(stderr, "want flags alone, and numbers above zero")
		return exitUsage
	}
	return measurement{"redis", args, *file, func() ([]result.Figure, []string, error) { return redis.Run(ctx, o) }}.tell(stdout, stderr)
}
