package stack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"payops-mcp/sandbox/paysim"
	"payops-mcp/sandbox/paysim/traffic"
)

// startLoad has merchants send payments, until Close.
func (s *Stack) startLoad() {
	var targets []string
	for _, p := range s.PaysimOf(paysim.RoleIngest) {
		targets = append(targets, p.URL())
	}
	o := traffic.Healthy(0, targets...)
	// The same by day and by night, so that what is shown does not depend on it.
	o.Shape = nil
	s.load = traffic.NewLoad(o)
	s.load.Set(max(0, s.options.Rate))
}

// loadPath is where the control address has the traffic.
const loadPath = "/load"

// loadAt is where the traffic of another process is controlled.
func (s *Stack) loadAt() (string, error) {
	switch {
	case len(s.Paysim) == 0:
		return "", errors.New("the stack has no traffic: it is without paysim")
	case s.loadURL == "":
		return "", fmt.Errorf("the traffic is somebody else's: %s is not set", envLoad)
	}
	return s.loadURL, nil
}

// Load is how the traffic of a living stack goes.
func (s *Stack) Load(ctx context.Context) (now traffic.LoadStatus, err error) {
	if s.load != nil {
		return s.load.Status(), nil
	}
	url, err := s.loadAt()
	if err != nil {
		return now, err
	}
	return now, askJSON(ctx, http.MethodGet, url, nil, &now)
}

// SetLoad changes how many payments begin in a second; 0 ends the traffic. It
// returns when what was begun before is over. It works when attached too.
func (s *Stack) SetLoad(ctx context.Context, rate float64) error {
	if s.load != nil {
		s.load.Set(rate)
		return nil
	}
	url, err := s.loadAt()
	if err != nil {
		return err
	}
	return askJSON(ctx, http.MethodPut, url, traffic.LoadStatus{Rate: rate}, nil)
}

// WaitWarm waits until a system can be judged: enough was paid in a living one for the
// breakers to know their rates, and Prometheus has seen it.
func (s *Stack) WaitWarm(ctx context.Context) error {
	if s.Has(PartPaysim) {
		if err := s.WaitPaid(ctx, 50); err != nil {
			return err
		}
	}
	return s.WaitScraped(ctx)
}

// loadWithin bounds how long WaitPaid waits.
const loadWithin = 3 * time.Minute

// WaitPaid waits until the traffic has had so many more payments acknowledged.
func (s *Stack) WaitPaid(ctx context.Context, more int) error {
	ctx, cancel := context.WithTimeout(ctx, loadWithin)
	defer cancel()
	begin, err := s.Load(ctx)
	if err != nil {
		return err
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		now, err := s.Load(ctx)
		if err != nil {
			return err
		}
		if now.Stats.Paid-begin.Stats.Paid >= more {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the payments that were waited for are not made: %s: %w", now.Stats, ctx.Err())
		}
	}
}
