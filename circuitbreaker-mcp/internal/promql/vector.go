package promql

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"payops-mcp/shared/fault"
)

// sample is one element of an instant vector, with the labels that the queries
// of this package ask for.
type sample struct {
	Metric struct {
		Series   string `json:"__name__"`
		Fact     string `json:"fact"`
		Instance string `json:"instance"`
		Breaker  string `json:"name"`
		State    string `json:"state"`
		Kind     string `json:"kind"`
	} `json:"metric"`
	Value pair `json:"value"`
}

// pair is the time of evaluation and the value.
type pair struct {
	at    float64
	value float64
}

// UnmarshalJSON reads [seconds, "value"].
func (p *pair) UnmarshalJSON(text []byte) error {
	var value string
	if err := json.Unmarshal(text, &[]any{&p.at, &value}); err != nil {
		return err
	}
	var err error
	p.value, err = strconv.ParseFloat(value, 64)
	return err
}

// vector asks as query does. The client library reads its answers three times
// over, which is most of what a call costs; these two are behind every call.
func (c *Client) vector(ctx context.Context, expr string) ([]sample, error) {
	u := c.http.URL("/api/v1/query", nil)
	u.RawQuery = url.Values{"query": {expr}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, failure(err)
	}
	_, body, err := c.http.Do(ctx, req) //nolint:bodyclose // the library has read and closed it
	if err != nil {
		return nil, failure(err)
	}
	var answer struct {
		Status    string   `json:"status"`
		ErrorType string   `json:"errorType"`
		Error     string   `json:"error"`
		Warnings  []string `json:"warnings"`
		Data      struct {
			Type   string   `json:"resultType"`
			Result []sample `json:"result"`
		} `json:"data"`
	}
	switch err := json.Unmarshal(body, &answer); {
	case err != nil:
		return nil, notPrometheus(body, err)
	case answer.Status != "success":
		return nil, &fault.Failure{Class: fault.BadStatus, Said: said("errorType %s: %s", answer.ErrorType, answer.Error)}
	case answer.Data.Type != "vector":
		return nil, &fault.Failure{Class: fault.Schema, Said: said("a %q, want a vector", answer.Data.Type)}
	}
	return answer.Data.Result, partial(answer.Warnings)
}

// partial is the failure of an answer that lacks what some store behind it did
// not give, as Thanos and remote reads say it. What is only a remark on the query
// is none; before Prometheus 3 those stand among the warnings too.
func partial(warnings []string) error {
	for _, w := range warnings {
		if !strings.HasPrefix(w, "PromQL ") {
			return &fault.Failure{Class: fault.BadStatus, Said: said("a part of the answer, with a warning: %s", w),
				Next: "Some store behind PROMETHEUS_URL did not answer, and instances may be missing: look at its stores, and ask again"}
		}
	}
	return nil
}

func notPrometheus(body []byte, err error) *fault.Failure {
	return &fault.Failure{Class: fault.NotJSON, Said: quote(http.StatusOK, "application/json", body), Err: err,
		Next: "It is not Prometheus that answers there, or it broke off: ask again, and look at PROMETHEUS_URL"}
}

// time is when Prometheus evaluated the query.
func (s sample) time() time.Time { return seconds(s.Value.at) }
