package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Unreachable is the code of a call that did not get to the gateway.
const Unreachable = "PG_UNREACHABLE"

// Error is a call that the gateway, or the way to it, did not let succeed.
type Error struct {
	// Code and Message are the gateway's, or PG_TIMEOUT and [Unreachable]
	// for a call without an answer.
	Code, Message string
}

func (e *Error) Error() string { return "payment gateway: " + e.Code + ": " + e.Message }

// Client calls a gateway.
type Client struct {
	url  string
	http *http.Client
}

// NewClient returns a client for a gateway's base URL, which waits so long for
// an answer.
func NewClient(url string, timeout time.Duration) *Client {
	transport := &http.Transport{MaxIdleConns: 256, MaxIdleConnsPerHost: 256, IdleConnTimeout: 30 * time.Second}
	return &Client{url: url, http: &http.Client{Timeout: timeout, Transport: transport}}
}

// Call asks for one operation. The same reference always has the same effect.
// An error is an [Error], unless the context ended.
func (c *Client) Call(ctx context.Context, op Operation, reference string, amount int64, currency string) (Receipt, error) {
	body, err := json.Marshal(request{reference, amount, currency})
	if err != nil {
		return Receipt{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/"+string(op), bytes.NewReader(body))
	if err != nil {
		return Receipt{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	// The gateway treats equal references as one, so that the transport may
	// repeat a call whose connection turned out to be dead.
	req.Header.Set("Idempotency-Key", reference)
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return Receipt{}, ctx.Err()
		}
		var late interface{ Timeout() bool }
		if errors.As(err, &late) && late.Timeout() {
			return Receipt{}, &Error{"PG_TIMEOUT", "no answer from the payment gateway"}
		}
		return Receipt{}, &Error{Unreachable, "no connection to the payment gateway"}
	}
	defer func() { _ = resp.Body.Close() }()
	var receipt Receipt
	if err := json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&receipt); err != nil {
		return Receipt{}, &Error{"PG_UNREADABLE", fmt.Sprintf("status %d without a receipt", resp.StatusCode)}
	}
	if resp.StatusCode != http.StatusOK {
		return Receipt{}, &Error{receipt.Code, receipt.Message}
	}
	return receipt, nil
}

// SetBehaviour changes how well the gateway works.
func (c *Client) SetBehaviour(ctx context.Context, b Behaviour) error {
	body, err := json.Marshal(b)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, c.url+"/behaviour", bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("change the payment gateway's behaviour: %w", err)
	}
	said, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	err = errors.Join(err, resp.Body.Close())
	if resp.StatusCode != http.StatusNoContent {
		return errors.Join(fmt.Errorf("change the payment gateway's behaviour: %s: %s", resp.Status, bytes.TrimSpace(said)), err)
	}
	return err
}
