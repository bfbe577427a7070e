// Command sandbox runs a simulated payment system on this machine, to try the
// three servers on and to test them against.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// command is one word of the command line. run gets what stands behind it.
type command struct {
	name, usage, does string
	run               func(ctx context.Context, args []string) error
}

func commands() []command {
	return []command{
		{"demo", "[--once] [--incident ID] [--stack KIND]", "start the system, let an incident happen, and ask the servers about it", demo},
		{"up", "[--stack KIND] [--parts LIST] [--payments N]", "start the system and keep it up until Ctrl-C", up},
		{"exec", "[--parts LIST] [--payments N] -- COMMAND", "run a command while the system is up, with its addresses in the environment", execute},
		{"incident", "list | start ID [--seed N] | stop ID", "break the running system on purpose, and repair it", incidents},
		{"gameday", "[--seed N] | --reveal | --end", "break something in the running system, or in one of its own, without saying what; tell; repair", rehearse},
		{"watch", "[--for TIME] [--every TIME]", "ask the servers everything while a living system is well; what is not called well is a mistake", watchHealthy},
		{"soak", "[--for TIME] [--seed N] [--faults LIST]", "the same while things break and are repaired: each must be found in time, and nothing else", soakSystem},
		{"ingest", "[--addr ADDR] [--admin-addr ADDR] [--topics-at BROKERS]", "be one instance of the stand-in for the ingest service, until Ctrl-C", ingestStandIn},
		{"paysim", "[--topics-at BROKERS]", "play the roles of the payment system that the environment names, until Ctrl-C", playPaysim},
		{"traffic", "[--targets URLS] [--rate N] [--addr ADDR]", "send payments until Ctrl-C", sendTraffic},
		{"config", "[--for FORM] [--only SERVER]", "print what a host must be told to use the running system: for Claude Desktop, Claude Code, VS Code, Cursor, or as an environment", config},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stderr))
}

func run(ctx context.Context, args []string, stderr io.Writer) int {
	if len(args) == 0 {
		usage(stderr)
		return 2
	}
	for _, c := range commands() {
		if c.name != args[0] {
			continue
		}
		err := c.run(ctx, args[1:])
		if child, ok := errors.AsType[exitCode](err); ok {
			return int(child)
		}
		if errors.Is(err, flag.ErrHelp) {
			return 2
		}
		if err != nil {
			fmt.Fprintf(stderr, "sandbox %s: %v\n", c.name, err)
			return 1
		}
		return 0
	}
	usage(stderr)
	return 2
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "usage: go run ./sandbox/cmd/sandbox COMMAND")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %s %s\n        %s\n", c.name, c.usage, c.does)
	}
}
