package scenario_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"payops-mcp/sandbox/incident"
	"payops-mcp/sandbox/paysim"
)

// exchange is a merchant's request and its answer.
type exchange struct {
	path         string
	body, answer []byte
	status       int
	took         time.Duration
}

func (e exchange) String() string {
	return fmt.Sprintf("POST %s %s\n%d %s", e.path, e.body, e.status, e.answer)
}

// payment is the id of the payment that was made.
func (e exchange) payment(t *testing.T) int64 {
	t.Helper()
	var paid struct {
		ID int64 `json:"paymentId"`
	}
	if err := json.Unmarshal(e.answer, &paid); err != nil || e.status != http.StatusOK || paid.ID == 0 {
		t.Fatalf("no payment was made: %s (%v)", e, err)
	}
	return paid.ID
}

// request sends what a merchant sends to a path of the payment system.
func request(t *testing.T, w *incident.World, path, merchant string) exchange {
	t.Helper()
	body, err := json.Marshal(map[string]any{
		"merchantId": merchant, "amount": 1000 + w.Rand.IntN(900_000), "currency": "KRW", "idempotencyKey": fmt.Sprintf("order-%d", w.Rand.IntN(1_000_000)),
	})
	if err != nil {
		t.Fatal(err)
	}
	url := w.Stack.PaysimOf(paysim.RoleIngest)[0].URL() + path
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	begin := time.Now()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(res.Body)
	if err := res.Body.Close(); err != nil {
		t.Error(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return exchange{path, body, bytes.TrimSpace(answer), res.StatusCode, time.Since(begin)}
}
