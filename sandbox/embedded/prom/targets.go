package prom

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	commonmodel "github.com/prometheus/common/model"
)

// collect gathers texts of the selected series, each once, in order.
func (s *Server) collect(r *http.Request, of func(series, func(string))) (any, error) {
	all, err := s.selected(r, false)
	if err != nil {
		return nil, err
	}
	texts := map[string]bool{}
	for _, one := range all {
		of(one, func(text string) { texts[text] = true })
	}
	return append([]string{}, slices.Sorted(maps.Keys(texts))...), nil
}

// activeTargets is what is scraped and how that went last.
func (s *Server) activeTargets(r *http.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pool := r.FormValue("scrapePool")
	active := []map[string]any{}
	for _, t := range s.targets {
		if pool != "" && pool != t.Job || r.FormValue("state") == "dropped" {
			continue
		}
		active = append(active, t.tell(s.options.Interval))
	}
	return map[string]any{"activeTargets": active, "droppedTargets": []any{}, "droppedTargetCounts": map[string]int{}}, nil
}

// tell is the target as the API shows it.
func (t *scraped) tell(interval time.Duration) map[string]any {
	t.mu.Lock()
	defer t.mu.Unlock()
	health, said := "up", ""
	switch {
	case t.at.IsZero():
		health = "unknown"
	case t.err != nil:
		health, said = "down", t.err.Error()
	}
	u, err := url.Parse(t.URL)
	if err != nil {
		u = &url.URL{}
	}
	each := commonmodel.Duration(interval).String()
	return map[string]any{
		"discoveredLabels": map[string]string{"__address__": u.Host, "__metrics_path__": u.Path, "__scheme__": u.Scheme, "job": t.Job},
		"labels":           t.all(), "scrapePool": t.Job, "scrapeUrl": t.URL, "globalUrl": t.URL,
		"lastError": said, "lastScrape": t.at, "lastScrapeDuration": t.took.Seconds(),
		"health": health, "scrapeInterval": each, "scrapeTimeout": each,
	}
}
