package incident

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"payops-mcp/sandbox/seed"
	"payops-mcp/sandbox/stack"
)

// What incidents of the databases themselves, and of duplicate payments, have in
// common.

func askDatabases() Ask {
	return Ask{Question: "Are the payment databases all right?", Server: "dbquery-mcp", Tool: "check_database_health", Args: map[string]any{}}
}

func askDuplicates() Ask {
	return Ask{Question: "Has anybody been charged twice?", Server: "dbquery-mcp", Tool: "find_duplicate_idempotency", Args: map[string]any{}}
}

func askStatistics() Ask {
	return Ask{Question: "How many payments were there, and how many failed?", Server: "dbquery-mcp", Tool: "payment_statistics", Args: map[string]any{}}
}

// askOfDatabases are the questions that every near miss of the databases must leave
// without a finding.
func askOfDatabases() []Ask {
	return []Ask{askDatabases(), askDuplicates(), askStatistics(), askPayments("payments last hour"), askReconciliation(), askOutbox(), askSettlements("settlement"), askSettlements("refund")}
}

// plantPayment adds a payment that was captured age ago, with all that a healthy one
// consists of, and returns its id. removePlanted deletes it. Its posting is the last of
// the ledger, and came late if the payment is older than the last ones there are.
func plantPayment(ctx context.Context, shard *stack.MariaDB, did *Injected, merchant, key, currency string, amount int64, age time.Duration) (id int64, err error) {
	at := fmt.Sprintf("NOW(3) - INTERVAL %d SECOND", int64(age.Seconds()))
	run := func(statement string, args ...any) {
		if err == nil {
			_, err = shard.Admin().ExecContext(ctx, statement, args...)
		}
	}
	run("INSERT INTO payment (merchant_id, amount, currency, status, idempotency_key, requested_at, updated_at) VALUES (?, ?, ?, ?, ?, "+at+", "+at+")",
		merchant, amount, currency, seed.Captured, key)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", shard.Name(), err)
	}
	if err := shard.Admin().QueryRowContext(ctx, "SELECT payment_id FROM payment WHERE merchant_id = ? AND idempotency_key = ?", merchant, key).Scan(&id); err != nil {
		return 0, fmt.Errorf("%s: %w", shard.Name(), err)
	}
	if did.Kept == nil {
		did.Kept = map[string]string{}
	}
	name := "payments " + strconv.Itoa(shard.Shard)
	did.Kept[name] = strings.TrimSpace(did.Kept[name] + " " + strconv.FormatInt(id, 10))
	run("INSERT INTO idem_response_cache (merchant_id, idempotency_key, http_status, response_body, created_at) VALUES (?, ?, 200, JSON_OBJECT('paymentId', ?, 'status', ?, 'amount', ?, 'currency', ?), "+at+")",
		merchant, key, id, seed.CaptureRequested, amount, currency)
	run("INSERT INTO settlement_request (payment_id, request_amount, status, pg_transaction_id, pg_response_code, requested_at, completed_at) VALUES (?, ?, 'SUCCESS', CONCAT('PG-', LEFT(UPPER(MD5(?)), 12)), '0000', "+at+", "+at+")", id, amount, key)
	run("INSERT INTO ledger_entry (payment_id, debit_account, credit_account, amount, occurred_at) VALUES (?, 'merchant_receivable', 'cash', ?, "+at+")", id, amount)
	for _, kind := range []string{"PAYMENT_AUTHORIZED", "PAYMENT_CAPTURE_REQUESTED"} {
		run("INSERT INTO outbox_event (aggregate_type, aggregate_id, event_type, payload, published, published_at, created_at) VALUES ('payment', ?, ?, JSON_OBJECT('paymentId', ?, 'amount', ?), 1, "+at+", "+at+")", id, kind, id, amount)
	}
	if err != nil {
		return id, fmt.Errorf("%s: %w", shard.Name(), err)
	}
	return id, nil
}

// justCaptured is an age at which a payment's posting is in time.
func (w *World) justCaptured() time.Duration {
	return time.Duration(w.between(40, 100)) * time.Second
}

// removePlanted deletes what plantPayment has added.
func removePlanted(ctx context.Context, w *World, did Injected) error {
	var errs []error
	for name, text := range did.Kept {
		number, ok := strings.CutPrefix(name, "payments ")
		if !ok {
			continue
		}
		place, err := strconv.Atoi(number)
		errs = append(errs, err)
		for id := range strings.FieldsSeq(text) {
			for _, statement := range []string{
				"DELETE c FROM idem_response_cache c JOIN payment p USING (merchant_id, idempotency_key) WHERE p.payment_id = ?",
				"DELETE FROM outbox_event WHERE aggregate_id = ?",
				// A schema of another make (DB-01) lets what refers to a payment stay.
				"DELETE FROM ledger_entry WHERE payment_id = ?",
				"DELETE FROM settlement_request WHERE payment_id = ?",
				"DELETE FROM refund_request WHERE payment_id = ?",
				"DELETE FROM payment WHERE payment_id = ?",
			} {
				_, err := w.Stack.Shards[place-1].Admin().ExecContext(ctx, statement, id)
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// recent picks one payment of the last day at random, which is long settled.
func (w *World) recent(ctx context.Context, shard *stack.MariaDB) (v victim, key string, err error) {
	skip := w.between(0, 300)
	err = shard.Admin().QueryRowContext(ctx, `SELECT payment_id, merchant_id, amount, currency, idempotency_key FROM payment
WHERE status = 'CAPTURED' AND requested_at BETWEEN UTC_TIMESTAMP(3) - INTERVAL 20 HOUR AND UTC_TIMESTAMP(3) - `+settledBefore+` ORDER BY payment_id LIMIT 1 OFFSET ?`, skip).
		Scan(&v.ID, &v.Merchant, &v.Amount, &v.Currency, &key)
	if err != nil {
		err = fmt.Errorf("%s: pick a payment: %w", shard.Name(), err)
	}
	return v, key, err
}

// each runs statements on shards, all of them whatever becomes of the others.
func each(ctx context.Context, shards []*stack.MariaDB, statements ...string) error {
	var errs []error
	for _, shard := range shards {
		for _, statement := range statements {
			if _, err := shard.Admin().ExecContext(ctx, statement); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", shard.Name(), err))
			}
		}
	}
	return errors.Join(errs...)
}

// endReader ends the sessions of the servers under test, which begin anew.
const endReader = "KILL HARD CONNECTION USER '" + stack.ReaderUser + "'"

// keep remembers a value for Undo.
func (did *Injected) keep(name string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	if did.Kept == nil {
		did.Kept = map[string]string{}
	}
	did.Kept[name] = string(text)
	return nil
}

// eachKept restores all that was kept as one kind of thing, whose names begin alike.
func eachKept[T any](did Injected, prefix string, restore func(T) error) error {
	var errs []error
	for name, text := range did.Kept {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		var kept T
		err := json.Unmarshal([]byte(text), &kept)
		if err == nil {
			err = restore(kept)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// second is the second shard.
func (w *World) second() (*stack.MariaDB, error) {
	if len(w.Stack.Shards) < 2 {
		return nil, errors.New("the stack has no second shard")
	}
	return w.Stack.Shards[1], nil
}
