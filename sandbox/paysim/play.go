package paysim

import (
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// Play plays the roles that the environment names until the process is asked to
// end. It logs to stderr.
func Play() error {
	s, err := LoadSettings(os.Environ())
	if err != nil {
		return err
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, os.Interrupt, syscall.SIGTERM)
	p, err := Start(s, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err != nil {
		return err
	}
	<-ended
	return p.Close()
}
