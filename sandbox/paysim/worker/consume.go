package worker

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"payops-mcp/sandbox/paysim/bus"
	"payops-mcp/sandbox/paysim/defect"
	"payops-mcp/sandbox/paysim/paydb"
)

// lanes is how many records a consumer works on side by side.
const lanes = 16

// Settlement is the consumer that captures payments at the gateway.
func (d *Desk) Settlement(brokers []string) *bus.Consumer { return d.consumer(brokers, settlement) }

// Refund is the consumer that refunds payments at the gateway.
func (d *Desk) Refund(brokers []string) *bus.Consumer { return d.consumer(brokers, refund) }

// droppedAfter is after how many attempts a record is dropped by the defect.
const droppedAfter = 10

func (d *Desk) consumer(brokers []string, k kind) *bus.Consumer {
	return bus.NewConsumer(bus.Config{
		Brokers: brokers, Login: d.Login, Group: k.group, Topics: []string{k.topic}, Lanes: lanes, Log: d.Log,
		OneByOne: func() bool { return d.Defects.Has(defect.OneByOne) },
		Handle:   func(ctx context.Context, r bus.Record) error { return d.request(ctx, k, r) },
		Dead: func(ctx context.Context, r bus.Record, why error) error {
			if d.Defects.Has(defect.DropRecords) {
				return nil
			}
			return d.bury(ctx, k.dlq, r, why)
		},
		GiveUp: func() int {
			if d.Defects.Has(defect.DropRecords) {
				return droppedAfter
			}
			return 0
		},
	})
}

// asked is what the two topics say.
type asked struct {
	PaymentID  int64  `json:"paymentId"`
	MerchantID string `json:"merchantId"`
	Amount     int64  `json:"amount"`
	Reason     string `json:"reason"`
}

// decode reads a payload that must name a payment.
func decode(r bus.Record, into *asked) error {
	if err := json.Unmarshal(r.Value, into); err != nil {
		return &bus.Poison{Err: err}
	}
	if into.PaymentID == 0 {
		return &bus.Poison{Err: errors.New("no paymentId")}
	}
	return nil
}

// request handles one record: the gateway is asked, and the payment moved on.
func (d *Desk) request(ctx context.Context, k kind, r bus.Record) error {
	var q asked
	if err := decode(r, &q); err != nil {
		return err
	}
	pool := d.Cluster.For(q.MerchantID)
	pay, err := lookup(ctx, pool, q.PaymentID)
	if err != nil {
		return err
	}
	if pay.Status != k.from {
		return d.again(ctx, pool, k, pay)
	}
	begin := time.Now()
	out, err := d.ask(ctx, k, pool.Shard, pay)
	if err != nil {
		return err
	}
	moved := false
	err = pool.Tx(ctx, func(tx *sql.Tx) error {
		to := k.done
		if out.failed != nil {
			to = k.fail
		}
		var err error
		if moved, err = paydb.Move(ctx, tx, pay.ID, k.from, to); err != nil || !moved {
			return err
		}
		return insert(ctx, tx, k, pay, q.Reason, out, time.Since(begin))
	})
	switch {
	case err != nil:
		return err
	case !moved:
		// Somebody else moved it meanwhile: a direct capture, or another
		// member of the group with the same record.
		if pay, err = lookup(ctx, pool, pay.ID); err != nil {
			return err
		}
		return d.again(ctx, pool, k, pay)
	case out.failed == nil:
		return d.announce(ctx, k, pay)
	}
	return nil
}

// again handles a record whose work was done. Whether it was announced too is
// not known: a crash may have come between. It is announced again, unless an
// outbox event does that.
func (d *Desk) again(ctx context.Context, pool *paydb.Pool, k kind, pay paydb.Payment) error {
	var n int
	err := pool.Do(ctx, func(conn *sql.Conn) error {
		return conn.QueryRowContext(ctx, `SELECT COUNT(*) FROM `+k.table+` WHERE payment_id=? AND status='SUCCESS'`, pay.ID).Scan(&n)
	})
	if err != nil || n == 0 {
		return err
	}
	return d.announce(ctx, k, pay)
}

// insert writes the request with its result, so that PENDING is never seen.
func insert(ctx context.Context, tx *sql.Tx, k kind, pay paydb.Payment, reason string, out outcome, took time.Duration) error {
	columns, values := "payment_id,"+k.amount, "?,?"
	args := []any{pay.ID, pay.Amount}
	if k.table == refund.table {
		columns, values, args = columns+",refund_reason", values+",?", append(args, reason)
	}
	columns += ",requested_at"
	values += ",TIMESTAMPADD(MICROSECOND,-?,UTC_TIMESTAMP(3))"
	args = append(args, took.Microseconds())
	if out.failed == nil {
		columns += ",status," + k.transaction + ",pg_response_code,pg_response_message,completed_at"
		values += ",'SUCCESS',?,?,?,UTC_TIMESTAMP(3)"
		args = append(args, out.receipt.TransactionID, out.receipt.Code, out.receipt.Message)
	} else {
		columns += ",status,pg_response_code,pg_response_message"
		values += ",'FAILED',?,?"
		args = append(args, out.failed.Code, out.failed.Message)
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO `+k.table+` (`+columns+`) VALUES (`+values+`)`, args...)
	return err
}

// bury puts a record that cannot be handled into a dead-letter topic.
func (d *Desk) bury(ctx context.Context, topic string, r bus.Record, why error) error {
	return d.send(ctx, topic, "", map[string]any{
		"originalTopic": r.Topic, "partition": r.Partition, "offset": r.Offset, "payload": string(r.Value),
		"errorType": errorType(why), "errorMessage": why.Error(), "timestamp": time.Now().UTC().Format(time.RFC3339Nano),
	})
}

// errorType names an error as the real service does, by its class in Java.
func errorType(err error) string {
	_, value := errors.AsType[*json.UnmarshalTypeError](err)
	_, syntax := errors.AsType[*json.SyntaxError](err)
	switch {
	case syntax:
		return "JsonParseException"
	case value:
		return "MismatchedInputException"
	case paydb.Refused(err):
		return "DataIntegrityViolationException"
	}
	return "IllegalArgumentException"
}
