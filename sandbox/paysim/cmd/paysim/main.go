// Command paysim plays one or several roles of the payment system, as its
// environment says; paysim -h lists the settings.
package main

import (
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"payops-mcp/sandbox/paysim"
	"payops-mcp/shared/env"
)

func main() {
	flag.Usage = usage
	flag.Parse()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "paysim:", err)
		os.Exit(1)
	}
}

func run() error {
	s, err := paysim.LoadSettings(os.Environ())
	if err != nil {
		return err
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, os.Interrupt, syscall.SIGTERM)
	p, err := paysim.Start(s, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err != nil {
		return err
	}
	<-ended
	return p.Close()
}

func usage() {
	fmt.Fprintln(os.Stderr, "paysim plays roles of the payment system. Its settings are environment variables:")
	for _, s := range env.Settings(&paysim.Settings{}) {
		fmt.Fprintf(os.Stderr, "  %-34s %s (%s)\n", s.Name, s.Help, s.Default)
	}
}
