package promql

import (
	"cmp"
	"context"
	"encoding/json"
	"net"
	"net/url"
	"time"

	"github.com/prometheus/common/model"

	"payops-mcp/shared/foreign"
)

// job is what the ingest service is scraped as.
const job = "ingest-service"

// activeTarget is what Prometheus says of one thing that it scrapes; the client
// library's own type lacks the interval.
type activeTarget struct {
	Labels         map[string]string `json:"labels"`
	ScrapeURL      string            `json:"scrapeUrl"`
	ScrapeInterval string            `json:"scrapeInterval"`
	LastError      string            `json:"lastError"`
}

// targets lists what is scraped under the job, with its addresses. ok is false
// where the list is not to be had, as with other stores of Prometheus' data; it
// helps to recognise instances, and nothing fails without it.
func (c *Client) targets(ctx context.Context) (list []activeTarget, ok bool) {
	body, err := c.get(ctx, "/api/v1/targets", url.Values{"state": {"active"}, "scrapePool": {job}})
	if err != nil {
		return nil, false
	}
	var answer struct {
		Data struct {
			ActiveTargets []activeTarget `json:"activeTargets"`
		} `json:"data"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return nil, false
	}
	for _, t := range answer.Data.ActiveTargets {
		// A Prometheus that does not know the argument scrapePool lists everything.
		if t.Labels["job"] == job {
			list = append(list, t)
		}
	}
	return list, true
}

// target takes what the list says of the instance.
func (i *instance) target(t activeTarget) {
	if u, err := url.Parse(t.ScrapeURL); err == nil {
		i.Address = net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), map[string]string{"https": "443"}[u.Scheme], "80"))
	}
	if d, err := model.ParseDuration(t.ScrapeInterval); err == nil && d > 0 {
		i.Interval = time.Duration(d)
	}
	i.ScrapeError = foreign.Text(t.LastError)
}
