package main

import (
	"context"
	"flag"
	"fmt"
	"io"

	"payops-mcp/bench/db"
	"payops-mcp/bench/internal/result"
)

func runDB(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := db.Options{Log: stderr}
	fs := flag.NewFlagSet("bench db", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.IntVar(&o.Runs, "runs", 3, "whole runs on the first size; the median of them counts, the other sizes are measured once")
	fs.IntVar(&o.Calls, "calls", 200, "calls of run_select in a run")
	list := fs.String("n", "1000000", "sizes in payments a shard, at least 20000, such as 1000000,5000000; 5 million take 3 GB and some minutes")
	file := fs.String("json", "", "also write the results to `FILE`")
	if err := fs.Parse(args); err != nil {
		return exitUsage
	}
	var err error
	if o.Payments, err = sizes(*list, db.LeastPayments); err != nil {
		fmt.Fprintln(stderr, err)
		return exitUsage
	}
	if fs.NArg() > 0 || o.Runs < 1 || o.Calls < 1 {
		fmt.Fprintln(stderr, "want flags alone, and numbers above zero")
		return exitUsage
	}
	return measurement{"db", args, *file, func() ([]result.Figure, []string, error) { return db.Run(ctx, o) }}.tell(stdout, stderr)
}
