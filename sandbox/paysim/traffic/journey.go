package traffic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"
)

// answer is what the payment system said.
type answer struct {
	status    int
	PaymentID int64  `json:"paymentId"`
	Code      string `json:"code"`
	Amount    int64  `json:"amount"`
}

// journey is one payment's life as its customer and merchant see it. It goes on
// when the context ends, but waits for nothing any more.
func (g *Generator) journey(ctx context.Context, p plan) {
	order := map[string]any{"merchantId": p.Merchant, "amount": p.Amount, "currency": p.Currency, "idempotencyKey": p.Key}
	g.stats.add(func(s *Stats) { s.Begun++ })
	begin := time.Now()
	got, err := g.insist(ctx, p.target, "/payments/authorize", order, func(a answer) bool {
		return a.status == http.StatusOK || a.status == http.StatusConflict && a.PaymentID != 0
	})
	switch {
	case errors.Is(err, errOver):
		g.stats.add(func(s *Stats) { s.Cut++ })
		return
	case err != nil:
		g.stats.add(func(s *Stats) { s.Abandoned++ })
		return
	}
	p.ID = got.PaymentID
	g.stats.paid(p.Paid, time.Since(begin))

	if p.duplicate {
		again, err := g.post(ctx, p.target+1, "/payments/authorize", order)
		if err == nil && again.status < 500 && again.status != http.StatusTooManyRequests {
			if again.status != http.StatusConflict || again.PaymentID != p.ID {
				g.stats.add(func(s *Stats) {
					s.Wrong = append(s.Wrong, fmt.Sprintf("order %s of %s is payment %d; sent again it was answered %d, payment %d", p.Key, p.Merchant, p.ID, again.status, again.PaymentID))
				})
			}
			g.stats.add(func(s *Stats) { s.Duplicates++ })
		}
	}
	merchant := map[string]any{"merchantId": p.Merchant}
	if p.capture {
		got, err := g.post(ctx, p.target, fmt.Sprintf("/payments/capture/%d", p.ID), merchant)
		if err == nil && got.status == http.StatusOK {
			g.stats.add(func(s *Stats) { s.Captures++ })
		}
	}
	if !p.refund || !sleep(ctx, p.refundAfter) {
		return
	}
	merchant["reason"] = p.reason
	path := fmt.Sprintf("/payments/refund/%d", p.ID)
	// A conflict means that it was not captured yet, or that an attempt whose
	// answer was lost has asked already.
	if _, err := g.insist(ctx, p.target, path, merchant, func(a answer) bool { return a.status == http.StatusOK }); err == nil {
		g.stats.add(func(s *Stats) { s.Refunds++ })
	}
}

// errImpatient says that a request was not answered as wanted for too long.
var errImpatient = errors.New("given up")

// errOver says that the load ended before a request was answered as wanted.
var errOver = errors.New("the load is over")

// insist sends a request until the answer is as wanted.
func (g *Generator) insist(ctx context.Context, target int, path string, body map[string]any, wanted func(answer) bool) (answer, error) {
	until := time.Now().Add(g.options.Patience)
	for wait := 200 * time.Millisecond; ; wait = min(2*wait, 3*time.Second) {
		a, err := g.post(ctx, target, path, body)
		if err == nil && wanted(a) {
			return a, nil
		}
		if err == nil && (a.status == http.StatusBadRequest || a.status == http.StatusNotFound) {
			g.stats.add(func(s *Stats) {
				s.Wrong = append(s.Wrong, fmt.Sprintf("%s %v was answered %d", path, body, a.status))
			})
			return a, errImpatient
		}
		switch {
		case time.Now().After(until):
			return a, errImpatient
		case !sleep(ctx, wait/2+rand.N(wait)):
			return a, errOver
		}
		g.stats.add(func(s *Stats) { s.Retries++ })
		target++ // perhaps another instance is better
	}
}

// post sends one request. It is not cut short by the end of the load: what was
// begun is to be known.
func (g *Generator) post(ctx context.Context, target int, path string, body map[string]any) (answer, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return answer{}, err
	}
	url := g.options.Targets[target%len(g.options.Targets)] + path
	req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodPost, url, bytes.NewReader(text))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := g.client.Do(req)
	if err != nil {
		g.stats.add(func(s *Stats) { s.count(0) })
		return answer{}, err
	}
	a := answer{status: resp.StatusCode}
	err = json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&a)
	_, _ = io.Copy(io.Discard, resp.Body)
	err = errors.Join(err, resp.Body.Close())
	g.stats.add(func(s *Stats) { s.count(resp.StatusCode) })
	return a, err
}

// sleep waits, or says that the load has ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
