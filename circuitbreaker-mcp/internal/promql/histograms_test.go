package promql_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/promql"
)

// A native histogram comes in place of a value: reading it as one was a crash.
func TestNativeHistograms(t *testing.T) {
	t.Parallel()
	const histogram = `{"count":"6","sum":"3.8","buckets":[[1,"0.5","1","2"],[0,"1","2","4"]]}`
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if strings.HasSuffix(r.URL.Path, "/query") {
			_, _ = w.Write([]byte(`{"status":"success","data":{"resultType":"vector","result":[{"metric":{"fact":"0"},"value":[1000,"2"]},{"metric":{"fact":"up"},"histogram":[1000,` + histogram + `]}]}}`))
			return
		}
		_, _ = w.Write([]byte(`{"status":"success","data":{"resultType":"matrix","result":[
			{"metric":{"instance":"a"},"histograms":[[970,` + histogram + `],[1000,` + histogram + `]]},
			{"metric":{"instance":"b"},"values":[[970,"7"]],"histograms":[[1000,` + histogram + `]]}]}}`))
	}))
	t.Cleanup(s.Close)
	c := client(t, s.URL, promql.Options{})
	e, err := promql.ReadExpression(`latency_seconds`)
	if err != nil {
		t.Fatal(err)
	}
	m, err := c.Metric(t.Context(), e, promql.Span{Since: time.Unix(700, 0), Until: time.Unix(1000, 0), Interval: 15 * time.Second})
	if err != nil || !m.Source.OK() || len(m.Series) != 2 {
		t.Fatalf("%v %v %+v", err, m.Source.Err, m.Series)
	}
	if a, b := m.Series[0], m.Series[1]; a.Histograms != 2 || a.Known != 0 || b.Histograms != 1 || b.Known != 1 || *b.Max != 7 {
		t.Errorf("%+v\n%+v", a, b)
	}
	if f := c.Breakers(t.Context()); f.Source.Err != nil && strings.Contains(f.Source.Err.Error(), "JSON") {
		t.Errorf("where none is asked for: %v", f.Source.Err)
	}
}
