package ingest

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"payops-mcp/shared/fault"
)

// Ahead asks the instances side by side what time it is there, and returns by how
// much the clock of the first that tells is ahead of this machine's; false when none
// tells before ctx ends. HTTP tells whole seconds, so it is known to half of one.
func (c *Client) Ahead(ctx context.Context) (ahead time.Duration, known bool) {
	ctx, enough := context.WithCancel(ctx)
	defer enough()
	var first sync.Once
	fault.TogetherEach(len(c.targets), func(i int) {
		if d, ok := c.ahead(ctx, c.targets[i]); ok {
			first.Do(func() { ahead, known = d, true })
			enough()
		}
	})
	return ahead, known
}

// ahead reads the clock off any answer, a refusal too: the header does not depend on
// what is asked.
func (c *Client) ahead(ctx context.Context, t target) (time.Duration, bool) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.base+directPath, nil)
	if err != nil {
		return 0, false
	}
	req.Header = t.header
	sent := time.Now()
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, false
	}
	defer resp.Body.Close()
	took := time.Since(sent)
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxBody)) // so that the connection is used again
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return 0, false
	}
	return date.Add(time.Second / 2).Sub(sent.Add(took / 2)), true
}
