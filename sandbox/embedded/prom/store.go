package prom

import (
	"context"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

// sample is one value of a series.
type sample struct {
	t int64 // milliseconds
	v float64
}

func (s sample) ST() int64                     { return 0 }
func (s sample) T() int64                      { return s.t }
func (s sample) F() float64                    { return s.v }
func (s sample) H() *histogram.Histogram       { return nil }
func (s sample) FH() *histogram.FloatHistogram { return nil }
func (s sample) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (s sample) Copy() chunks.Sample           { return s }

// samples are those of a series, oldest first.
type samples []sample

func (s samples) Get(i int) chunks.Sample { return s[i] }
func (s samples) Len() int                { return len(s) }

type series struct {
	labels  labels.Labels
	samples samples
}

// store keeps series in memory, each for as long as retention.
type store struct {
	retention time.Duration

	mu     sync.RWMutex
	series map[string]*series // by labels.String
}

func newStore(retention time.Duration) *store {
	return &store{retention: retention, series: map[string]*series{}}
}

// staleMark ends a series.
var staleMark = math.Float64frombits(value.StaleNaN)

// add appends a sample, unless the series has a later one.
func (s *store) add(l labels.Labels, t int64, v float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := l.String()
	one := s.series[key]
	if one == nil {
		one = &series{labels: l}
		s.series[key] = one
	}
	if n := len(one.samples); n > 0 && one.samples[n-1].t >= t {
		return
	}
	one.samples = append(one.samples, sample{t, v})
}

// prune forgets what is older than the retention.
func (s *store) prune(now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	oldest := now - s.retention.Milliseconds()
	for key, one := range s.series {
		n, _ := slices.BinarySearchFunc(one.samples, oldest, func(a sample, t int64) int { return int(a.t - t) })
		if n > 0 {
			one.samples = slices.Clone(one.samples[n:])
		}
		if len(one.samples) == 0 {
			delete(s.series, key)
		}
	}
}

// Querier implements storage.Queryable.
func (s *store) Querier(mint, maxt int64) (storage.Querier, error) {
	return querier{s, mint, maxt}, nil
}

type querier struct {
	store      *store
	mint, maxt int64
}

func (q querier) Close() error { return nil }

// matching are the series that all matchers match and that have samples in the
// time of the querier, in the order of their labels.
func (q querier) matching(matchers []*labels.Matcher) []series {
	q.store.mu.RLock()
	defer q.store.mu.RUnlock()
	var found []series
next:
	for _, one := range q.store.series {
		for _, m := range matchers {
			if !m.Matches(one.labels.Get(m.Name)) {
				continue next
			}
		}
		from, _ := slices.BinarySearchFunc(one.samples, q.mint, func(a sample, t int64) int { return int(a.t - t) })
		to, _ := slices.BinarySearchFunc(one.samples, q.maxt+1, func(a sample, t int64) int { return int(a.t - t) })
		if from < to {
			found = append(found, series{one.labels, one.samples[from:to:to]})
		}
	}
	slices.SortFunc(found, func(a, b series) int { return labels.Compare(a.labels, b.labels) })
	return found
}

func (q querier) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	return &seriesSet{all: q.matching(matchers), at: -1}
}

func (q querier) LabelValues(_ context.Context, name string, _ *storage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	values := map[string]bool{}
	for _, one := range q.matching(matchers) {
		if v := one.labels.Get(name); v != "" {
			values[v] = true
		}
	}
	return slices.Sorted(maps.Keys(values)), nil, nil
}

func (q querier) LabelNames(_ context.Context, _ *storage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	names := map[string]bool{}
	for _, one := range q.matching(matchers) {
		one.labels.Range(func(l labels.Label) { names[l.Name] = true })
	}
	return slices.Sorted(maps.Keys(names)), nil, nil
}

type seriesSet struct {
	all []series
	at  int
}

func (s *seriesSet) Next() bool                        { s.at++; return s.at < len(s.all) }
func (s *seriesSet) Err() error                        { return nil }
func (s *seriesSet) Warnings() annotations.Annotations { return nil }
func (s *seriesSet) At() storage.Series {
	one := s.all[s.at]
	return &storage.SeriesEntry{Lset: one.labels, SampleIteratorFn: func(chunkenc.Iterator) chunkenc.Iterator {
		return storage.NewListSeriesIterator(one.samples)
	}}
}
