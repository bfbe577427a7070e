package prom

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	commonmodel "github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

// Target is something to scrape.
type Target struct {
	// Job is the scrape job; every series gets it as a label.
	Job string
	// URL is where the metrics are.
	URL string
	// Labels are put on every series. A label of the same name that the target
	// itself has becomes exported_<name>.
	Labels map[string]string
}

// scraped is a target and how the last scrape went.
type scraped struct {
	Target
	seen map[string]labels.Labels // series of the last scrape, which end when they are not in the next

	mu   sync.Mutex
	at   time.Time
	took time.Duration
	err  error
}

// labelsOf are the labels of a series that the target names so and labels so.
func (t *scraped) labelsOf(name string, own []*dto.LabelPair, more ...string) labels.Labels {
	b := labels.NewBuilder(labels.EmptyLabels())
	for _, l := range own {
		b.Set(l.GetName(), l.GetValue())
	}
	for i := 0; i+1 < len(more); i += 2 {
		b.Set(more[i], more[i+1])
	}
	for n, v := range t.all() {
		if old := b.Get(n); old != "" {
			b.Set("exported_"+n, old)
		}
		b.Set(n, v)
	}
	b.Set(commonmodel.MetricNameLabel, name)
	return b.Labels()
}

// all are the labels that scraping adds.
func (t *scraped) all() map[string]string {
	all := map[string]string{"job": t.Job}
	maps.Copy(all, t.Labels)
	return all
}

// scrape asks the target once.
func (t *scraped) scrape(ctx context.Context, client *http.Client, into *store) {
	begin := time.Now()
	families, err := fetch(ctx, client, t.URL)
	took := time.Since(begin)
	at := begin.UnixMilli()
	now := map[string]labels.Labels{}
	add := func(l labels.Labels, v float64) {
		now[l.String()] = l
		into.add(l, at, v)
	}
	up := 1.0
	if err != nil {
		up = 0
	} else {
		for name, f := range families {
			for _, m := range f.Metric {
				t.samples(name, f.GetType(), m, add)
			}
		}
	}
	for key, l := range t.seen {
		if _, still := now[key]; !still {
			into.add(l, at, staleMark)
		}
	}
	t.seen = now
	into.add(t.labelsOf("up", nil), at, up)
	into.add(t.labelsOf("scrape_duration_seconds", nil), at, took.Seconds())
	into.add(t.labelsOf("scrape_samples_scraped", nil), at, float64(len(now)))

	t.mu.Lock()
	defer t.mu.Unlock()
	t.at, t.took, t.err = begin, took, err
}

// samples are the series that one metric is made of.
func (t *scraped) samples(name string, kind dto.MetricType, m *dto.Metric, add func(labels.Labels, float64)) {
	own := m.Label
	switch {
	case m.Counter != nil:
		add(t.labelsOf(name, own), m.Counter.GetValue())
	case m.Gauge != nil:
		add(t.labelsOf(name, own), m.Gauge.GetValue())
	case m.Untyped != nil:
		add(t.labelsOf(name, own), m.Untyped.GetValue())
	case m.Summary != nil:
		for _, q := range m.Summary.Quantile {
			add(t.labelsOf(name, own, "quantile", number(q.GetQuantile())), q.GetValue())
		}
		add(t.labelsOf(name+"_sum", own), m.Summary.GetSampleSum())
		add(t.labelsOf(name+"_count", own), float64(m.Summary.GetSampleCount()))
	case m.Histogram != nil:
		infinite := false
		for _, b := range m.Histogram.Bucket {
			infinite = infinite || math.IsInf(b.GetUpperBound(), 1)
			add(t.labelsOf(name+"_bucket", own, "le", number(b.GetUpperBound())), float64(b.GetCumulativeCount()))
		}
		if !infinite && kind == dto.MetricType_HISTOGRAM {
			add(t.labelsOf(name+"_bucket", own, "le", "+Inf"), float64(m.Histogram.GetSampleCount()))
		}
		add(t.labelsOf(name+"_sum", own), m.Histogram.GetSampleSum())
		add(t.labelsOf(name+"_count", own), float64(m.Histogram.GetSampleCount()))
	}
}

// number is a bound as the text format writes it.
func number(v float64) string {
	if math.IsInf(v, 1) {
		return "+Inf"
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// fetch reads a target's metrics.
func fetch(ctx context.Context, client *http.Client, url string) (map[string]*dto.MetricFamily, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		_, err := io.Copy(io.Discard, resp.Body)
		return nil, errors.Join(fmt.Errorf("server returned HTTP status %s", resp.Status), err)
	}
	parser := expfmt.NewTextParser(commonmodel.UTF8Validation)
	return parser.TextToMetricFamilies(resp.Body)
}
