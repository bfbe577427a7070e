package payments

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"payops-mcp/sandbox/paysim/defect"
	"payops-mcp/sandbox/paysim/gateway"
	"payops-mcp/sandbox/paysim/outbox"
	"payops-mcp/sandbox/paysim/paydb"
	"payops-mcp/sandbox/seed"
)

// Authorization is what a merchant asks for.
type Authorization struct {
	MerchantID     string `json:"merchantId"`
	Amount         int64  `json:"amount"`
	Currency       string `json:"currency"`
	IdempotencyKey string `json:"idempotencyKey"`
}

// validate says what cannot be.
func (a Authorization) validate() error {
	switch {
	case a.MerchantID == "" || len(a.MerchantID) > 32:
		return &Invalid{"merchantId: want 1 to 32 characters"}
	case a.IdempotencyKey == "" || len(a.IdempotencyKey) > 64:
		return &Invalid{"idempotencyKey: want 1 to 64 characters"}
	case a.Amount <= 0:
		return &Invalid{"amount: want more than 0"}
	case len(a.Currency) != 3:
		return &Invalid{"currency: want three letters"}
	}
	return nil
}

// ErrGatewayClosed says that the gateway is not asked, because it has failed
// too often of late.
var ErrGatewayClosed = errors.New("the payment gateway has failed too often and is not asked for the time being")

const (
	insertPayment = `INSERT INTO payment (merchant_id, amount, currency, status, idempotency_key) VALUES (?,?,?,?,?)`
	insertAnswer  = `INSERT INTO idem_response_cache (merchant_id, idempotency_key, http_status, response_body) VALUES (?,?,200,?)`
	selectAnswer  = `SELECT response_body FROM idem_response_cache WHERE merchant_id=? AND idempotency_key=?`
)

// Authorize creates a payment, once for each key of a merchant. The second time
// it is a [Conflict] that names the payment.
func (s *Service) Authorize(ctx context.Context, a Authorization) (Response, error) {
	if err := a.validate(); err != nil {
		return Response{}, err
	}
	if err := s.allow(ctx, "authorize", a.MerchantID); err != nil {
		return Response{}, err
	}
	pool := s.Cluster.For(a.MerchantID)
	if err := s.known(ctx, pool, a); err != nil {
		return Response{}, err
	}
	var receipt gateway.Receipt
	call := func() (err error) {
		receipt, err = s.approve(ctx, a)
		return err
	}
	inTx := s.Defects.Has(defect.GatewayInTx)
	if !inTx {
		if err := call(); err != nil {
			return Response{}, s.unapproved(err)
		}
	}
	var answer Response
	var unapproved error
	err := pool.Tx(ctx, func(tx *sql.Tx) error {
		if inTx {
			if unapproved = call(); unapproved != nil {
				return unapproved
			}
		}
		var err error
		answer, err = s.create(ctx, tx, a, receipt)
		return err
	})
	switch {
	case unapproved != nil:
		return Response{}, s.unapproved(unapproved)
	case paydb.Duplicate(err):
		// Somebody with the same key was faster than our look.
		if err := s.known(ctx, pool, a); err != nil {
			return Response{}, err
		}
		return Response{}, err
	case err != nil:
		return Response{}, err
	}
	if !s.Defects.Has(defect.EarlyIdemCache) {
		s.remember(ctx, a, answer)
	}
	return answer, nil
}

// known is a Conflict when the key was used before: as Redis has it, else as
// the database has it.
func (s *Service) known(ctx context.Context, pool *paydb.Pool, a Authorization) error {
	body, err := s.Redis.Get(ctx, seed.IdemKey(a.MerchantID, a.IdempotencyKey)).Bytes()
	if err != nil {
		err = pool.Do(ctx, func(conn *sql.Conn) error {
			return conn.QueryRowContext(ctx, selectAnswer, a.MerchantID, a.IdempotencyKey).Scan(&body)
		})
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	answer, err := parse(body)
	if err != nil {
		return err
	}
	return &Conflict{"DUPLICATE_REQUEST", "Idempotency key already used", answer.PaymentID}
}

// approve asks the gateway, if the breaker permits it.
func (s *Service) approve(ctx context.Context, a Authorization) (receipt gateway.Receipt, err error) {
	if !s.Breaker.Acquire() {
		return receipt, ErrGatewayClosed
	}
	begin := time.Now()
	receipt, err = s.Gateway.Call(ctx, gateway.Authorize, a.MerchantID+"/"+a.IdempotencyKey, a.Amount, a.Currency)
	switch {
	case err == nil:
		s.Breaker.OnSuccess(time.Since(begin))
	case ctx.Err() != nil:
		// The caller went away, which is not the gateway's fault.
		s.Breaker.OnIgnored(time.Since(begin))
	default:
		s.Breaker.OnError(time.Since(begin))
	}
	return receipt, err
}

// unapproved is what the caller is told when the gateway did not approve.
func (s *Service) unapproved(err error) error {
	_, failed := errors.AsType[*gateway.Error](err)
	if s.Defects.Has(defect.FailuresAs409) && (failed || errors.Is(err, ErrGatewayClosed)) {
		return &Conflict{"DUPLICATE_REQUEST", "Idempotency key already used", 0}
	}
	return err
}

// create writes the payment, the answer for whoever asks again, and the events.
func (s *Service) create(ctx context.Context, tx *sql.Tx, a Authorization, receipt gateway.Receipt) (Response, error) {
	result, err := tx.ExecContext(ctx, insertPayment, a.MerchantID, a.Amount, a.Currency, paydb.CaptureRequested, a.IdempotencyKey)
	if err != nil {
		return Response{}, err
	}
	id, err := result.LastInsertId()
	if err != nil {
		return Response{}, err
	}
	pay := paydb.Payment{ID: id, Amount: a.Amount, Currency: a.Currency, RequestedAt: time.Now()}
	answer := response(pay, paydb.CaptureRequested, "Payment authorized successfully")
	body, err := json.Marshal(answer)
	if err != nil {
		return Response{}, err
	}
	if _, err := tx.ExecContext(ctx, insertAnswer, a.MerchantID, a.IdempotencyKey, body); err != nil {
		return Response{}, err
	}
	if s.Defects.Has(defect.EarlyIdemCache) {
		s.remember(ctx, a, answer)
	}
	return answer, outbox.Append(ctx, tx,
		outbox.Event{Type: outbox.Authorized, PaymentID: id, Payload: map[string]any{
			"status": "AUTHORIZED", "amount": a.Amount, "currency": a.Currency,
			"approvalNumber": receipt.ApprovalNumber, "transactionId": receipt.TransactionID,
		}},
		outbox.Event{Type: outbox.CaptureRequested, PaymentID: id, Payload: map[string]any{
			"status": paydb.CaptureRequested, "amount": a.Amount, "currency": a.Currency, "merchantId": a.MerchantID,
		}})
}

// remember puts an answer into Redis. It is a short cut only: the database has
// the answer too.
func (s *Service) remember(ctx context.Context, a Authorization, answer Response) {
	body, err := json.Marshal(answer)
	if err == nil {
		err = s.Redis.Set(ctx, seed.IdemKey(a.MerchantID, a.IdempotencyKey), body, s.IdemTTL).Err()
	}
	if err != nil && ctx.Err() == nil {
		s.Log.DebugContext(ctx, "answer not cached", "error", err)
	}
}
