package ingest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"time"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

const healthPath = "/actuator/health"

// Health is what one instance says of itself and of what it needs.
type Health struct {
	Name string
	// Status is its word, as UP or DOWN; empty when it does not show it. DOWN
	// means that a database or Redis fails its check.
	Status foreign.Text
	Source fault.Source
}

// OwnPages are those of instances that answer themselves: what the gateway or the
// monitoring service says at the same place is how it is itself. hidden counts those
// left out.
func OwnPages(pages []Health, instances []Instance) (own []Health, hidden int) {
	own = slices.DeleteFunc(slices.Clone(pages), func(h Health) bool {
		return slices.ContainsFunc(instances, func(i Instance) bool { return i.Name == h.Name && (i.Gateway() || i.Monitoring()) })
	})
	return own, len(pages) - len(own)
}

// Health asks every instance side by side whether it calls itself healthy. Where there
// is no such page the failure is of the class MissingPath.
func (c *Client) Health(ctx context.Context) []Health {
	all := make([]Health, len(c.targets))
	fault.TogetherEach(len(all), func(i int) { all[i] = c.health(ctx, c.targets[i]) })
	return all
}

func (c *Client) health(ctx context.Context, t target) Health {
	start := time.Now()
	h := Health{Name: t.name, Source: fault.Source{Name: "ingest " + t.name, Asked: "GET " + t.base + healthPath}}
	h.Status, h.Source.Err = c.healthStatus(ctx, t)
	h.Source.Took = time.Since(start)
	return h
}

func (c *Client) healthStatus(ctx context.Context, t target) (foreign.Text, *fault.Failure) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.base+healthPath, nil)
	if err != nil {
		return "", fault.FailureOf(err, fault.Unexpected)
	}
	req.Header = t.header
	resp, err := c.http.Do(req)
	if err != nil {
		return "", networkFailure(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return "", networkFailure(err)
	}
	var answer struct{ Status string }
	// A service that is DOWN says so with 503, as a proxy without a service does:
	// only the first says it in these words.
	if resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusServiceUnavailable {
		if json.Unmarshal(body, &answer) == nil && answer.Status != "" {
			return foreign.Text(answer.Status), nil
		}
	}
	body = foreign.HideCredentials(body, t.header.Get("Authorization"))
	if f := judgeStatus(resp, body); f != nil {
		return "", f
	}
	return "", &fault.Failure{Class: fault.NotJSON, Said: foreign.Text(quote(resp, body))}
}
