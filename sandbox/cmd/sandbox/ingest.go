package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"payops-mcp/sandbox/ingest"
)

// topicsWithin bounds how long Kafka may take to create the topics.
const topicsWithin = time.Minute

func ingestStandIn(ctx context.Context, args []string) error {
	return serveIngest(ctx, args, os.Stderr)
}

// serveIngest is what a container of the stand-in runs. It tells on log where
// it listens, and ends with ctx.
func serveIngest(ctx context.Context, args []string, log io.Writer) error {
	fs := flag.NewFlagSet("ingest", flag.ContinueOnError)
	fs.SetOutput(log)
	addr := fs.String("addr", "127.0.0.1:8080", "`ADDR` for callers of the API")
	admin := fs.String("admin-addr", "127.0.0.1:8180", "`ADDR` for control, which anybody who reaches it has, and for the scrape")
	prefix := fs.String("prefix", "", "`PATH` in front of /circuit-breaker, as in /api behind the gateway")
	monitoring := fs.Bool("monitoring", false, "also answer as the monitoring service does")
	brokers := fs.String("topics-at", "", "comma list of Kafka `BROKERS` on which to create the payment system's topics first, as the real service does")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("unknown argument %q: there are only flags", fs.Arg(0))
	}
	if err := createTopics(ctx, *brokers, log); err != nil {
		return err
	}
	s, err := ingest.Listen(ingest.Options{Addr: *addr, AdminAddr: *admin, Prefix: *prefix, Monitoring: *monitoring})
	if err != nil {
		return err
	}
	fmt.Fprintf(log, "ingest stand-in on %s, control on %s\n", s.URL(), s.AdminURL())
	<-ctx.Done()
	return s.Close()
}
