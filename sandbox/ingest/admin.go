package ingest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"payops-mcp/sandbox/ingest/wire"
)

// adminAPI is the second port: GET and PUT of the state and the fault as JSON,
// and the scrape, which so goes on when the first port suffers.
func (s *Server) adminAPI() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /actuator/prometheus", s.faulty(s.metrics, true))
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, _ *http.Request) { wire.WriteJSON(w, http.StatusOK, s.State()) })
	mux.HandleFunc("GET /fault", func(w http.ResponseWriter, _ *http.Request) { wire.WriteJSON(w, http.StatusOK, s.Fault()) })
	mux.HandleFunc("PUT /state", func(w http.ResponseWriter, r *http.Request) { put(w, r, s.SetState) })
	mux.HandleFunc("PUT /fault", func(w http.ResponseWriter, r *http.Request) { put(w, r, s.SetFault) })
	return mux
}

func put[T any](w http.ResponseWriter, r *http.Request, set func(T) error) {
	var value T
	dec := json.NewDecoder(r.Body)
	// A misspelt field must not pass for a change that was made.
	dec.DisallowUnknownFields()
	err := dec.Decode(&value)
	if err == nil {
		err = set(value)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// Client controls an instance over its second port.
type Client struct {
	url  string
	http *http.Client
}

// NewClient returns a client for the AdminURL of an instance.
func NewClient(adminURL string) *Client {
	return &Client{url: adminURL, http: &http.Client{Timeout: 10 * time.Second}}
}

// AdminURL is where the instance is controlled.
func (c *Client) AdminURL() string { return c.url }

// State is what the instance tells at present.
func (c *Client) State(ctx context.Context) (State, error) {
	var s State
	return s, c.do(ctx, http.MethodGet, "/state", nil, &s)
}

// SetState changes what the instance tells.
func (c *Client) SetState(ctx context.Context, s State) error {
	return c.do(ctx, http.MethodPut, "/state", s, nil)
}

// SetBreaker changes one breaker and leaves the rest of the state.
func (c *Client) SetBreaker(ctx context.Context, name string, b Breaker) error {
	s, err := c.State(ctx)
	if err != nil {
		return err
	}
	return c.SetState(ctx, s.With(name, b))
}

// Fault is what is wrong at present.
func (c *Client) Fault(ctx context.Context) (Fault, error) {
	var f Fault
	return f, c.do(ctx, http.MethodGet, "/fault", nil, &f)
}

// SetFault changes what is wrong.
func (c *Client) SetFault(ctx context.Context, f Fault) error {
	return c.do(ctx, http.MethodPut, "/fault", f, nil)
}

func (c *Client) do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, body)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("control the ingest stand-in: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode >= 300 {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
		return fmt.Errorf("control the ingest stand-in: %s %s%s: %s: %s", method, c.url, path, resp.Status, bytes.TrimSpace(text))
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(out)
}
