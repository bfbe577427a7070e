// Package payments is what the payment service does for its callers: authorize,
// capture and refund. Each changes the database in one transaction together
// with the events that tell others, and can be asked twice with the effect of
// once.
package payments

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"payops-mcp/sandbox/paysim/breaker"
	"payops-mcp/sandbox/paysim/defect"
	"payops-mcp/sandbox/paysim/gateway"
	"payops-mcp/sandbox/paysim/outbox"
	"payops-mcp/sandbox/paysim/paydb"
	"payops-mcp/sandbox/paysim/quota"
)

// Service serves callers. Its methods may be called side by side.
type Service struct {
	Cluster *paydb.Cluster
	Redis   redis.Cmdable
	Limiter *quota.Limiter
	Gateway *gateway.Client
	// Breaker guards authorizations at the gateway.
	Breaker *breaker.Breaker
	Defects *defect.Set
	Log     *slog.Logger
	// IdemTTL is how long answers are kept in Redis.
	IdemTTL time.Duration
}

// Response is what a caller gets.
type Response struct {
	PaymentID     int64    `json:"paymentId"`
	Status        string   `json:"status"`
	Amount        int64    `json:"amount"`
	Currency      string   `json:"currency"`
	CreatedAt     string   `json:"createdAt"`
	LedgerEntries []Ledger `json:"ledgerEntries"`
	Message       string   `json:"message"`
}

// Ledger is a posting in a response; postings are made later, so there is none.
type Ledger struct {
	DebitAccount  string `json:"debitAccount"`
	CreditAccount string `json:"creditAccount"`
	Amount        int64  `json:"amount"`
}

// Conflict is a request that was understood and cannot be met, because it was
// before or because of the payment's state.
type Conflict struct {
	Code, Message string
	PaymentID     int64 // 0 when there is none
}

func (c *Conflict) Error() string { return c.Code + ": " + c.Message }

// Limited is a request of a merchant who has sent too many.
type Limited struct{ Wait time.Duration }

func (l *Limited) Error() string {
	return fmt.Sprintf("too many requests; try again in %d seconds", int(l.Wait.Seconds()))
}

// Invalid is a request that says what cannot be.
type Invalid struct{ Message string }

func (i *Invalid) Error() string { return i.Message }

// ErrNotFound says that the merchant has no such payment.
var ErrNotFound = errors.New("payment not found for merchant")

// allow counts one request against the merchant's limit.
func (s *Service) allow(ctx context.Context, action, merchant string) error {
	if ok, wait := s.Limiter.Allow(ctx, action, merchant); !ok {
		return &Limited{wait}
	}
	return nil
}

// find reads a payment of a merchant.
func (s *Service) find(ctx context.Context, merchant string, id int64) (paydb.Payment, error) {
	pay, err := s.Cluster.For(merchant).Find(ctx, id)
	if errors.Is(err, sql.ErrNoRows) || err == nil && pay.Merchant != merchant {
		return pay, ErrNotFound
	}
	return pay, err
}

// Capture captures a payment by the merchant's own call instead of waiting for
// the settlement.
func (s *Service) Capture(ctx context.Context, merchant string, id int64) (Response, error) {
	if err := s.allow(ctx, "capture", merchant); err != nil {
		return Response{}, err
	}
	pay, err := s.find(ctx, merchant, id)
	if err != nil {
		return Response{}, err
	}
	const message = "Payment is not waiting to be captured"
	if pay.Status != paydb.CaptureRequested {
		return Response{}, &Conflict{"CAPTURE_CONFLICT", message, id}
	}
	pool := s.Cluster.For(merchant)
	// The settlement worker uses the same reference: whoever comes second
	// captures nothing at the gateway.
	if _, err := s.Gateway.Call(ctx, gateway.Capture, Reference(pool.Shard, id), pay.Amount, pay.Currency); err != nil {
		return Response{}, err
	}
	payload := map[string]any{"status": paydb.Captured, "amount": pay.Amount}
	if !s.Defects.Has(defect.NoMerchant) {
		payload["merchantId"] = merchant
	}
	moved := false
	err = pool.Tx(ctx, func(tx *sql.Tx) error {
		var err error
		if moved, err = paydb.Move(ctx, tx, id, paydb.CaptureRequested, paydb.Captured); err != nil || !moved {
			return err
		}
		return outbox.Append(ctx, tx, outbox.Event{Type: outbox.Captured, PaymentID: id, Payload: payload})
	})
	switch {
	case err != nil:
		return Response{}, err
	case !moved:
		return Response{}, &Conflict{"CAPTURE_CONFLICT", message, id}
	}
	return response(pay, paydb.Captured, "Payment captured successfully"), nil
}

// Refund asks for a captured payment to be refunded; a worker does it.
func (s *Service) Refund(ctx context.Context, merchant string, id int64, reason string) (Response, error) {
	if err := s.allow(ctx, "refund", merchant); err != nil {
		return Response{}, err
	}
	pay, err := s.find(ctx, merchant, id)
	if err != nil {
		return Response{}, err
	}
	moved := false
	err = s.Cluster.For(merchant).Tx(ctx, func(tx *sql.Tx) error {
		var err error
		if moved, err = paydb.Move(ctx, tx, id, paydb.Captured, paydb.RefundRequested); err != nil || !moved {
			return err
		}
		return outbox.Append(ctx, tx, outbox.Event{Type: outbox.RefundRequested, PaymentID: id, Payload: map[string]any{
			"merchantId": merchant, "status": paydb.RefundRequested, "amount": pay.Amount, "reason": reason,
		}})
	})
	switch {
	case err != nil:
		return Response{}, err
	case !moved:
		return Response{}, &Conflict{"REFUND_CONFLICT", "Only captured payments can be refunded", id}
	}
	return response(pay, paydb.RefundRequested, "Refund requested"), nil
}

// Reference is how the gateway knows a payment: equal ids on two shards are two
// payments.
func Reference(shard int, id int64) string {
	return "shard" + strconv.Itoa(shard) + "/" + strconv.FormatInt(id, 10)
}

func response(pay paydb.Payment, status, message string) Response {
	return Response{
		PaymentID: pay.ID, Status: status, Amount: pay.Amount, Currency: pay.Currency,
		CreatedAt: pay.RequestedAt.UTC().Format(time.RFC3339Nano), LedgerEntries: []Ledger{}, Message: message,
	}
}

// parse reads a cached answer.
func parse(body []byte) (Response, error) {
	var r Response
	err := json.Unmarshal(body, &r)
	return r, err
}
