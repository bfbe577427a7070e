package promql

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"payops-mcp/shared/fault"
)

// factLabel tells the facts of a query apart that asks for several: each request
// costs a round trip, and each fact in it a label.
const factLabel = "fact"

// instant asks for the value of an expression at a time; the zero time is
// Prometheus' own present. With a time of ours, clocks that disagree would look
// like stale or missing series.
func (c *Client) instant(ctx context.Context, expr string, at time.Time) ([]series, string, error) {
	args := url.Values{"query": {expr}}
	if !at.IsZero() {
		args.Set("time", stamp(at))
	}
	return c.ask(ctx, "/api/v1/query", args)
}

// vector asks for an instant vector at a time.
func (c *Client) vector(ctx context.Context, expr string, at time.Time) ([]series, error) {
	return only(c.instant(ctx, expr, at))("vector")
}

// matrix asks for every sample that a range selector takes in.
func (c *Client) matrix(ctx context.Context, expr string, at time.Time) ([]series, error) {
	return only(c.instant(ctx, expr, at))("matrix")
}

// ranged asks for the values of an expression at every step of a time.
func (c *Client) ranged(ctx context.Context, expr string, since, until time.Time, step time.Duration) ([]series, error) {
	return only(c.ask(ctx, "/api/v1/query_range", url.Values{
		"query": {expr}, "start": {stamp(since)}, "end": {stamp(until)}, "step": {strconv.FormatFloat(step.Seconds(), 'f', -1, 64)},
	}))("matrix")
}

// only takes an answer of one type alone, and of it what has numbers: of native
// histograms nothing is asked here.
func only(all []series, kind string, err error) func(want string) ([]series, error) {
	return func(want string) ([]series, error) {
		if err == nil && kind != want {
			return nil, &fault.Failure{Class: fault.Schema, Said: said("a %q, want a %s", kind, want)}
		}
		return slices.DeleteFunc(all, func(s series) bool { return len(s.points) == 0 }), err
	}
}

// ask sends one question. What was read of a partial answer comes with its error.
func (c *Client) ask(ctx context.Context, path string, args url.Values) ([]series, string, error) {
	body, err := c.get(ctx, path, args)
	if err != nil {
		return nil, "", err
	}
	all, kind, err := readAnswer(body)
	if err != nil {
		return all, kind, failure(err)
	}
	return all, kind, nil
}

// get fetches one path of the API.
func (c *Client) get(ctx context.Context, path string, args url.Values) ([]byte, error) {
	u := c.http.URL(path, nil)
	u.RawQuery = args.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, failure(err)
	}
	_, body, err := c.http.Do(ctx, req) //nolint:bodyclose // the library has read and closed it
	if err != nil {
		return nil, failure(err)
	}
	return body, nil
}

// stamp writes a time as the API takes it, to the millisecond.
func stamp(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }

// asked is a query as a person can repeat it.
func (c *Client) asked(expr string) string {
	return c.base + "/api/v1/query query=" + strings.Join(strings.Fields(expr), " ")
}
