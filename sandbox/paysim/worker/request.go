// Package worker is what happens after a payment was authorized: settlement and
// refund at the payment gateway, each with retries and a dead-letter topic, and
// the ledger.
//
// Every record may come twice, and every step may be cut short: work is done in
// one transaction that moves the payment from one status to the next, which
// only one of several can do, and what follows from the status is repeated
// until a record is committed.
package worker

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"strconv"
	"time"

	"payops-mcp/sandbox/paysim/bus"
	"payops-mcp/sandbox/paysim/defect"
	"payops-mcp/sandbox/paysim/gateway"
	"payops-mcp/sandbox/paysim/outbox"
	"payops-mcp/sandbox/paysim/paydb"
)

// Desk is what workers work with.
type Desk struct {
	Cluster  *paydb.Cluster
	Producer *bus.Producer
	Login    bus.Login // of the consumers
	Gateway  *gateway.Client
	Defects  *defect.Set
	Log      *slog.Logger
}

// kind is one of the two requests to the gateway, settlement and refund: the
// same work on different tables.
type kind struct {
	group, topic, dlq string
	operation         gateway.Operation
	from, done, fail  string // statuses of the payment
	doneEvent         string // type of the outbox event
	doneTopic         string
	table, amount     string
	transaction       string
	id                string // of the request, in the dead letter
	dlqAmount         string
}

var settlement = kind{
	group: bus.SettlementGroup, topic: bus.CaptureRequested, dlq: bus.SettlementDLQ,
	operation: gateway.Capture,
	from:      paydb.CaptureRequested, done: paydb.Captured, fail: paydb.CaptureFailed,
	doneEvent: outbox.Captured, doneTopic: bus.Captured,
	table: "settlement_request", amount: "request_amount", transaction: "pg_transaction_id",
	id: "settlementRequestId", dlqAmount: "requestAmount",
}

var refund = kind{
	group: bus.RefundGroup, topic: bus.RefundRequested, dlq: bus.RefundDLQ,
	operation: gateway.Refund,
	from:      paydb.RefundRequested, done: paydb.Refunded, fail: paydb.RefundFailed,
	doneEvent: outbox.Refunded, doneTopic: bus.Refunded,
	table: "refund_request", amount: "refund_amount", transaction: "pg_cancel_transaction_id",
	id: "refundRequestId", dlqAmount: "refundAmount",
}

// outcome is what the gateway said.
type outcome struct {
	receipt gateway.Receipt
	failed  *gateway.Error // nil when it succeeded
}

// ask calls the gateway. A refusal is an outcome; only the context's end is an
// error.
func (d *Desk) ask(ctx context.Context, k kind, shard int, pay paydb.Payment) (outcome, error) {
	receipt, err := d.Gateway.Call(ctx, k.operation, "shard"+strconv.Itoa(shard)+"/"+strconv.FormatInt(pay.ID, 10), pay.Amount, pay.Currency)
	failed, ok := errors.AsType[*gateway.Error](err)
	if err != nil && !ok {
		return outcome{}, err
	}
	return outcome{receipt, failed}, nil
}

// payload is what payment.captured and payment.refunded say.
func (d *Desk) payload(k kind, pay paydb.Payment) map[string]any {
	p := map[string]any{"status": k.done, "amount": pay.Amount}
	if !d.Defects.Has(defect.NoMerchant) {
		p["merchantId"] = pay.Merchant
	}
	return p
}

// announce publishes that a payment was captured or refunded.
func (d *Desk) announce(ctx context.Context, k kind, pay paydb.Payment) error {
	p := d.payload(k, pay)
	p["paymentId"] = pay.ID
	p["occurredAt"] = time.Now().UTC().Format(time.RFC3339Nano)
	return d.send(ctx, k.doneTopic, strconv.FormatInt(pay.ID, 10), p)
}

func (d *Desk) send(ctx context.Context, topic, key string, payload map[string]any) error {
	m, err := bus.JSON(topic, key, payload)
	if err != nil {
		return err
	}
	return d.Producer.Send(ctx, m)[0]
}

// lookup finds a payment that must exist. Its absence is poison: the message
// came from a transaction that had written it.
func lookup(ctx context.Context, pool *paydb.Pool, id int64) (paydb.Payment, error) {
	pay, err := pool.Find(ctx, id)
	if errors.Is(err, sql.ErrNoRows) {
		return pay, &bus.Poison{Err: errors.New("no payment " + strconv.FormatInt(id, 10) + " on shard " + strconv.Itoa(pool.Shard))}
	}
	return pay, err
}
