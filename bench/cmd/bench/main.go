// Command bench measures the servers. Run it in the clone:
//
//	go run ./bench/cmd/bench mcp
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
)

// benchmark is a subcommand.
type benchmark struct {
	name, about string
	run         func(ctx context.Context, args []string, stdout, stderr io.Writer) int
}

var benchmarks = []benchmark{
	{"mcp", "what the servers cost beside a bare mcp-go server: start, calls, memory, tool lists", runMCP},
	{"incidents", "whether the cause of every incident is named, and nothing else, on a live system; and what that costs in tokens", runIncidents},
	{"cb", "what circuitbreaker-mcp adds to the systems that it asks, and how long it waits for one that hangs", runCB},
	{"db", "what reconciling a large ledger costs beside the best single SQL statement, and what it does to writers", runDB},
	{"sandbox", "how many payments the simulated system authorizes, and how soon the demo answers", runSandbox},
	{"redis", "what scans of a large Redis cost, what they do to other clients, and whether they say the truth", runRedis},
}

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // a bound was not kept, or it could not be measured
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 {
		for _, b := range benchmarks {
			if b.name == args[0] {
				return b.run(ctx, args[1:], stdout, stderr)
			}
		}
		fmt.Fprintf(stderr, "no benchmark is called %q\n", args[0])
	}
	fmt.Fprintln(stderr, "usage: bench NAME [flags]; bench NAME --help lists the flags")
	for _, b := range benchmarks {
		fmt.Fprintf(stderr, "  %s  %s\n", b.name, b.about)
	}
	return exitUsage
}
