package traffic

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// Stats is how the load went so far.
type Stats struct {
	Begun      int         // payments that were begun
	Paid       int         // of them, acknowledged
	Abandoned  int         // of them, given up
	Cut        int         // of them, neither when the load ended
	Unbegun    int         // that could not be begun: too many under way
	Duplicates int         // payments sent a second time and recognised
	Captures   int         // captured by the merchant's call
	Refunds    int         // refunds that were accepted
	Retries    int         // requests sent again
	Answers    map[int]int // requests by status; 0 is none
	Wrong      []string    // answers that no system may give
	// P50, P95 and P99 are how long it took from the first attempt until a
	// payment was acknowledged.
	P50, P95, P99 time.Duration
}

func (s *Stats) count(status int) {
	if s.Answers == nil {
		s.Answers = map[int]int{}
	}
	s.Answers[status]++
}

// String is one line.
func (s Stats) String() string {
	return fmt.Sprintf("%d begun, %d paid, %d abandoned, %d cut off by the end, %d not begun; %d sent twice, %d captured, %d refunds, %d retries; answers %v; p50 %s, p95 %s, p99 %s",
		s.Begun, s.Paid, s.Abandoned, s.Cut, s.Unbegun, s.Duplicates, s.Captures, s.Refunds, s.Retries, s.Answers,
		s.P50.Round(100*time.Microsecond), s.P95.Round(100*time.Microsecond), s.P99.Round(100*time.Microsecond))
}

// stats collects from many journeys.
type stats struct {
	mu    sync.Mutex
	stats Stats
	paids []Paid
	took  []time.Duration

	forget bool
}

// latest is how many payments the times are known of when the rest is forgotten.
const latest = 1000

func (s *stats) add(change func(*Stats)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.stats)
}

func (s *stats) paid(p Paid, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Paid++
	if s.forget {
		if len(s.took) < latest {
			s.took = append(s.took, took)
		} else {
			s.took[s.stats.Paid%latest] = took
		}
		return
	}
	s.paids = append(s.paids, p)
	s.took = append(s.took, took)
}

// Stats is how the load went so far.
func (g *Generator) Stats() Stats {
	s := &g.stats
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.stats
	out.Answers, out.Wrong = maps.Clone(out.Answers), slices.Clone(out.Wrong)
	if n := len(s.took); n > 0 {
		sorted := slices.Sorted(slices.Values(s.took))
		out.P50, out.P95, out.P99 = sorted[n/2], sorted[n*95/100], sorted[n*99/100]
	}
	return out
}

// Paid are the payments that were acknowledged so far.
func (g *Generator) Paid() []Paid {
	g.stats.mu.Lock()
	defer g.stats.mu.Unlock()
	return slices.Clone(g.stats.paids)
}
