package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"payops-mcp/sandbox/paysim"
	"payops-mcp/sandbox/paysim/traffic"
	"payops-mcp/sandbox/stack"
)

// playPaysim is what a container of the payment system runs: the roles that its
// environment names.
func playPaysim(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("paysim", flag.ContinueOnError)
	brokers := fs.String("topics-at", "", "comma list of Kafka `BROKERS` on which to create the payment system's topics first")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("unknown argument %q: there are only flags; the rest is environment variables, see paysim -h", fs.Arg(0))
	}
	if err := createTopics(ctx, *brokers, os.Stderr); err != nil {
		return err
	}
	return paysim.Play()
}

// createTopics creates the topics on brokers, unless there are none.
func createTopics(ctx context.Context, brokers string, log io.Writer) error {
	if brokers == "" {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, topicsWithin)
	defer cancel()
	if err := stack.CreateTopics(limited, brokers, stack.PaymentTopics(1)...); err != nil {
		return fmt.Errorf("kafka at %s: %w", brokers, err)
	}
	_, err := fmt.Fprintf(log, "topics are there on %s\n", brokers)
	return err
}

func sendTraffic(ctx context.Context, args []string) error { return serveTraffic(ctx, args, os.Stderr) }

// serveTraffic is the merchants: it sends payments until it is ended, and takes
// another rate over HTTP.
func serveTraffic(ctx context.Context, args []string, log io.Writer) error {
	fs := flag.NewFlagSet("traffic", flag.ContinueOnError)
	fs.SetOutput(log)
	targets := fs.String("targets", "", "comma list of the `URLS` of ingest instances; by default those of the system that is up")
	rate := fs.Float64("rate", 10, "payments a second, on the average of a day")
	flat := fs.Bool("flat", false, "the same by day and by night")
	addr := fs.String("addr", "", "`ADDR` on which to tell how it goes, and to take another rate: GET and PUT of /load")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("unknown argument %q: there are only flags", fs.Arg(0))
	}
	if *targets == "" {
		s, _, err := attach()
		if err != nil {
			return err
		}
		*targets = s.Env()["API_BASE_URL"]
		if err := s.Close(); err != nil {
			return err
		}
	}
	o := traffic.Healthy(0, strings.Split(*targets, ",")...)
	if *flat {
		o.Shape = nil
	}
	load := traffic.NewLoad(o)
	defer load.Set(0)
	if *addr != "" {
		l, err := net.Listen("tcp", *addr)
		if err != nil {
			return err
		}
		mux := http.NewServeMux()
		mux.Handle("/load", load.Handler())
		server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
		go func() { _ = server.Serve(l) }()
		defer func() { _ = server.Close() }() // nobody is answered any more
		if _, err := fmt.Fprintf(log, "traffic is controlled on http://%s/load\n", l.Addr()); err != nil {
			return err
		}
	}
	load.Set(*rate)
	return tellUntil(ctx, load, log)
}

// tellEach is how often the traffic tells how it goes.
const tellEach = time.Minute

func tellUntil(ctx context.Context, load *traffic.Load, log io.Writer) error {
	tick := time.NewTicker(tellEach)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			now := load.Status()
			if _, err := fmt.Fprintf(log, "%g a second: %s\n", now.Rate, now.Stats); err != nil {
				return errors.Join(err, ctx.Err())
			}
		}
	}
}
