package watch

import (
	"context"
	"fmt"
	"sync"
	"time"

	"payops-mcp/sandbox/binaries"
	"payops-mcp/sandbox/host"
)

// Poller asks every tool of every server, each as often as Every says or as fast
// as it answers.
type Poller struct {
	Servers   Servers
	Questions *Questions
	Every     time.Duration
	// Heard gets each call when it is over, one at a time.
	Heard func(Seen)
}

// atOnce is how many calls a server gets at the same time: an engineer's
// assistant asks some things side by side.
const atOnce = 2

// answeredWithin bounds a call: longer than the servers' own deadline.
const answeredWithin = 45 * time.Second

// Run polls until the context ends, and lets calls that were begun end. A tool
// for which there is no question is an error.
func (p *Poller) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var (
		loops  sync.WaitGroup
		heard  sync.Mutex
		failed = make(chan error, 1) // the first error
	)
	tools, of := map[string][]host.Tool{}, 0
	for _, server := range binaries.Servers() {
		var err error
		if tools[server], err = p.Servers[server].Tools(ctx); err != nil {
			return err
		}
		of += len(tools[server])
	}
	tell := func(s Seen) {
		s.Of = of
		heard.Lock()
		defer heard.Unlock()
		p.Heard(s)
	}
	for server, list := range tools {
		places := make(chan struct{}, atOnce)
		for n, tool := range list {
			// Not all at the same moment.
			first := p.Every * time.Duration(n) / time.Duration(len(list))
			loops.Go(func() {
				if err := p.poll(ctx, server, tool.Name, first, places, tell); err != nil {
					select {
					case failed <- err:
					default:
					}
					stop()
				}
			})
		}
	}
	<-ctx.Done()
	loops.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// poll asks one tool until the context ends.
func (p *Poller) poll(ctx context.Context, server, tool string, wait time.Duration, places chan struct{}, tell func(Seen)) error {
	for {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil
		}
		begin := time.Now()
		args, err := p.Questions.Args(ctx, server, tool)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // the time is over, and nothing is wrong
		case err != nil:
			return fmt.Errorf("ask %s: %w", tool, err)
		}
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		seen := p.ask(ctx, server, tool, args)
		<-places
		tell(seen)
		wait = max(0, p.Every-time.Since(begin))
	}
}

// ask calls a tool. The end of the polling does not cut it short.
func (p *Poller) ask(ctx context.Context, server, tool string, args map[string]any) Seen {
	s := Seen{Began: time.Now(), Server: server, Tool: tool, Args: args}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answeredWithin)
	defer cancel()
	s.Answer, s.Err = p.Servers[server].Call(ctx, tool, args)
	s.Took = time.Since(s.Began)
	if s.Err == nil {
		s.Said, s.Err = s.Answer.Said(server, tool)
	}
	return s
}
