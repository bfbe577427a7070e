package prom

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// Options say how a server works.
type Options struct {
	// Interval is between scrapes; 0 means 1 s.
	Interval time.Duration
	// Retention is how long samples are kept; 0 means 3 h.
	Retention time.Duration
	Targets   []Target
}

// Server scrapes and answers.
type Server struct {
	options Options
	begun   time.Time
	store   *store
	engine  *promql.Engine
	parser  parser.Parser
	client  *http.Client

	mu      sync.Mutex
	targets []*scraped

	stop context.CancelFunc
	wait sync.WaitGroup
}

// New makes a server that scrapes from now on until Close.
func New(o Options) *Server {
	if o.Interval == 0 {
		o.Interval = time.Second
	}
	if o.Retention == 0 {
		o.Retention = 3 * time.Hour
	}
	p := parser.NewParser(parser.Options{})
	s := &Server{
		options: o, begun: time.Now(), store: newStore(o.Retention), parser: p,
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2}},
		engine: promql.NewEngine(promql.EngineOpts{
			Logger: slog.New(slog.DiscardHandler), MaxSamples: 50_000_000, Timeout: 2 * time.Minute,
			LookbackDelta: 5 * time.Minute, EnableAtModifier: true, EnableNegativeOffset: true, Parser: p,
		}),
	}
	for _, t := range o.Targets {
		s.targets = append(s.targets, &scraped{Target: t})
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	s.wait.Go(func() { s.run(ctx) })
	return s
}

// SetTargets changes what is scraped as a job. The series of targets that are
// gone end at once.
func (s *Server) SetTargets(job string, targets ...Target) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now().UnixMilli()
	s.targets = slices.DeleteFunc(s.targets, func(t *scraped) bool {
		if t.Job != job {
			return false
		}
		for _, l := range t.seen {
			s.store.add(l, now, staleMark)
		}
		s.store.add(t.labelsOf("up", nil), now, staleMark)
		return true
	})
	for _, t := range targets {
		t.Job = job
		s.targets = append(s.targets, &scraped{Target: t})
	}
}

func (s *Server) run(ctx context.Context) {
	tick := time.NewTicker(s.options.Interval)
	defer tick.Stop()
	for n := 0; ; n++ {
		s.scrape(ctx)
		if n%60 == 0 {
			s.store.prune(time.Now().UnixMilli())
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// scrape asks all targets side by side, each for as long as an interval.
func (s *Server) scrape(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, max(s.options.Interval, time.Second))
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	var all sync.WaitGroup
	for _, t := range s.targets {
		all.Go(func() { t.scrape(ctx, s.client, s.store) })
	}
	all.Wait()
}

// Close ends scraping.
func (s *Server) Close() {
	s.stop()
	s.wait.Wait()
	s.client.CloseIdleConnections()
}
