package mcp

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"payops-mcp/bench/internal/relay"
	"payops-mcp/bench/internal/subject"
	"payops-mcp/sandbox/binaries"
)

const (
	callOverRequest = 0.3 // ms, over one
	warmUp          = 100 // calls
	timedCalls      = 500
)

// callOver names the figures of callBesideRequests.
const callOver = "call, over its HTTP requests sent bare"

// callBesideRequests measures what a call adds to the HTTP requests behind it: for
// the floor and for the kit with a single GET, and for the one server that asks
// over HTTP. The ingest API and Prometheus are real; a relay before them answers
// from memory, so that their own time is small and even, and a bare client sends
// the very same requests through it, side by side where the server does.
func (b *bench) callBesideRequests(ctx context.Context) error {
	s := b.server(binaries.CircuitBreaker)
	if b.healthy == nil {
		b.figures.Skip(callOver, kitName, "ms", b.why)
		b.figures.Skip(callOver, s.name, "ms", b.why)
		return nil
	}
	settings := s.from(b.healthy)
	r, err := relay.Start(settings["API_BASE_URL"], settings["PROMETHEUS_URL"])
	if err != nil {
		return err
	}
	defer r.Close()
	settings["API_BASE_URL"], settings["PROMETHEUS_URL"] = r.URLs[0], r.URLs[1]
	page := r.URLs[0] + "/circuit-breaker/status"
	for _, of := range []struct {
		name     string
		settings map[string]string
		ask      ask
	}{
		{floorName, map[string]string{"FLOOR_GET_URL": page}, expect(subject.Call{Tool: "get"}, "CLOSED")},
		{kitName, map[string]string{"KIT_GET_URL": page}, expect(subject.Call{Tool: "get_page"}, "CLOSED")},
		{s.name, settings, s.ask},
	} {
		p, _, err := subject.Start(ctx, b.program[of.name], of.settings)
		if err != nil {
			return err
		}
		err = b.beside(ctx, r, p, of.name, of.ask)
		p.Kill()
		if err != nil {
			return err
		}
	}
	return nil
}

// ask is a question to a server whose answer was looked at.
type ask func(context.Context, *subject.Process) (subject.Answer, error)

// beside times a call and its requests in turn.
func (b *bench) beside(ctx context.Context, r *relay.Relay, p *subject.Process, name string, ask ask) error {
	client := relay.Client()
	defer client.CloseIdleConnections()
	for range warmUp {
		if _, err := ask(ctx, p); err != nil {
			return err
		}
	}
	fetched, err := r.Fetched()
	if err != nil {
		return err
	}
	waves, err := r.Record(func() error { _, err := ask(ctx, p); return err })
	if err != nil {
		return err
	}
	const whole, alone = "whole", "alone"
	took := samples{}
	for i := range warmUp + timedCalls {
		a, err := ask(ctx, p)
		if err != nil {
			return err
		}
		begin := time.Now()
		if err := relay.Replay(client, waves); err != nil {
			return err
		}
		if i >= warmUp {
			took.add(whole, ms(a.Took))
			took.add(alone, ms(time.Since(begin)))
		}
	}
	now, err := r.Fetched()
	if err != nil {
		return err
	}
	if n := now - fetched; n > 0 {
		return fmt.Errorf("void: %d requests of %s were not the same every time", n, name)
	}
	f := b.figures.Add(callOver, name, "ms", took.median(whole)-took.median(alone))
	f.Says("%s; a call takes %.3f, they %.3f", inWords(waves), took.median(whole), took.median(alone))
	if name != floorName && len(slices.Concat(waves...)) == 1 {
		f.AtMost(callOverRequest)
	}
	return nil
}

// inWords tells how many requests there are, and how many at a time.
func inWords(waves [][]relay.Request) string {
	var all []string
	for _, w := range waves {
		if len(w) == 1 {
			all = append(all, "1 request")
		} else {
			all = append(all, fmt.Sprintf("%d requests side by side", len(w)))
		}
	}
	return strings.Join(all, ", then ")
}

// expect calls a tool and makes sure that its answer says what it must: a figure
// of anything else would be void.
func expect(c subject.Call, found string) ask {
	return func(ctx context.Context, p *subject.Process) (subject.Answer, error) {
		a, err := p.Call(ctx, c)
		if err == nil && (a.IsError || !strings.Contains(a.Text, found)) {
			err = fmt.Errorf("void: %s answered\n%s", c.Tool, a.Text)
		}
		return a, err
	}
}

func (b *bench) server(name string) server {
	for _, s := range b.servers {
		if s.name == name {
			return s
		}
	}
	panic("mcp: no server is called " + name)
}

// ask asks the question of a server and makes sure that it was answered, and by
// every system that it is put to.
func (s server) ask(ctx context.Context, p *subject.Process) (subject.Answer, error) {
	a, err := expect(s.question, s.found)(ctx, p)
	if err != nil {
		return a, err
	}
	var r struct{ Sources []struct{ OK bool } }
	if err := json.Unmarshal(a.Structured, &r); err != nil {
		return a, fmt.Errorf("void: %s: %w", s.question.Tool, err)
	}
	if len(r.Sources) == 0 || slices.ContainsFunc(r.Sources, func(s struct{ OK bool }) bool { return !s.OK }) {
		return a, fmt.Errorf("void: not every system answered %s:\n%s", s.question.Tool, a.Text)
	}
	return a, nil
}
