package seed

import (
	"cmp"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// table is one of the payment system's, and the columns that are loaded.
type table struct {
	name    string
	columns string
}

var (
	paymentTable    = &table{"payment", "payment_id, merchant_id, amount, currency, status, idempotency_key, requested_at, updated_at"}
	idemTable       = &table{"idem_response_cache", "merchant_id, idempotency_key, http_status, response_body, created_at"}
	ledgerTable     = &table{"ledger_entry", "payment_id, debit_account, credit_account, amount, occurred_at"}
	outboxTable     = &table{"outbox_event", "aggregate_type, aggregate_id, event_type, payload, published, published_at, retry_count, last_retry_at, created_at"}
	settlementTable = &table{"settlement_request", "payment_id, request_amount, status, pg_transaction_id, pg_response_code, pg_response_message, retry_count, last_retry_at, requested_at, completed_at"}
	refundTable     = &table{"refund_request", "payment_id, refund_amount, refund_reason, status, pg_cancel_transaction_id, pg_response_code, pg_response_message, retry_count, last_retry_at, requested_at, completed_at"}
)

// tables are all of them, parents before children.
var tables = []*table{paymentTable, idemTable, ledgerTable, outboxTable, settlementTable, refundTable}

// row is one row of one table, as a line for LOAD DATA. Its time puts it in
// order: children are inserted in the order in which they happened.
type row struct {
	table *table
	at    time.Time
	line  []byte
}

// The two accounts of the ledger.
const (
	receivable = "merchant_receivable"
	cash       = "cash"
)

// rows are all rows that a payment consists of.
func (pay *Payment) rows() []row {
	rows := []row{
		{paymentTable, pay.RequestedAt, line(pay.ID, pay.Merchant, pay.Amount, pay.Currency, pay.Status, pay.Key, pay.RequestedAt, pay.UpdatedAt)},
		{idemTable, pay.RequestedAt, line(pay.Merchant, pay.Key, 200, pay.CachedAnswer(), pay.RequestedAt)},
		pay.event("PAYMENT_AUTHORIZED", pay.RequestedAt, "status", "AUTHORIZED", "currency", pay.Currency,
			"approvalNumber", strconv.FormatUint(pay.token%1e8, 10), "transactionId", pay.pgID("AUTH")),
		pay.event("PAYMENT_CAPTURE_REQUESTED", pay.RequestedAt, "status", CaptureRequested, "currency", pay.Currency, "merchantId", pay.Merchant),
	}
	if !pay.capturedAt.IsZero() {
		posted := pay.capturedAt.Add(postingTakes)
		rows = append(rows, row{ledgerTable, posted, line(pay.ID, receivable, cash, pay.Amount, posted)})
	}
	switch {
	case pay.direct:
		rows = append(rows, pay.event("PAYMENT_CAPTURED", pay.capturedAt, "status", Captured))
	case pay.Settled():
		asked := pay.capturedAt.Add(-settleTakes)
		rows = append(rows, row{settlementTable, asked, line(pay.ID, pay.Amount, "SUCCESS", pay.pgID("PG"), "0000", "OK", 0, nil, asked, pay.capturedAt)})
	case pay.Status == CaptureFailed:
		asked := pay.UpdatedAt.Add(-settleTakes)
		rows = append(rows, row{settlementTable, asked, line(pay.ID, pay.Amount, "FAILED", nil, "PG_TIMEOUT", "no answer from the payment gateway", pay.retries, pay.lastRetry, asked, nil)})
	}
	if !pay.refundAt.IsZero() {
		rows = append(rows, pay.event("PAYMENT_REFUND_REQUESTED", pay.refundAt, "status", RefundRequested, "merchantId", pay.Merchant, "reason", pay.reason))
	}
	asked, done := pay.refundAt.Add(publishTakes), pay.UpdatedAt
	switch pay.Status {
	case Refunded:
		posted := done.Add(postingTakes)
		rows = append(rows,
			row{refundTable, asked, line(pay.ID, pay.Amount, pay.reason, "SUCCESS", pay.pgID("CXL"), "0000", cmp.Or(pay.pgMessage, "OK"), 0, nil, asked, done)},
			row{ledgerTable, posted, line(pay.ID, cash, receivable, pay.Amount, posted)})
	case RefundFailed:
		rows = append(rows, row{refundTable, asked, line(pay.ID, pay.Amount, pay.reason, "FAILED", nil, "PG_TIMEOUT", "no answer from the payment gateway", pay.retries, pay.lastRetry, asked, nil)})
	}
	return rows
}

func (pay *Payment) pgID(kind string) string {
	return kind + "-" + strings.ToUpper(strconv.FormatUint(pay.token, 36))
}

// event is an outbox row whose payload has the fields that all have, and more.
func (pay *Payment) event(kind string, at time.Time, more ...string) row {
	payload := map[string]any{"paymentId": pay.ID, "amount": pay.Amount, "occurredAt": at.Format(time.RFC3339Nano)}
	for i := 0; i < len(more); i += 2 {
		payload[more[i]] = more[i+1]
	}
	if pay.bulk > 0 && kind == "PAYMENT_REFUND_REQUESTED" {
		payload["note"] = strings.Repeat("x", pay.bulk)
	}
	text, err := json.Marshal(payload)
	if err != nil {
		panic(err) // only numbers and strings
	}
	if pay.pending {
		return row{outboxTable, at, line("payment", pay.ID, kind, text, 0, nil, 0, nil, at)}
	}
	return row{outboxTable, at, line("payment", pay.ID, kind, text, 1, at.Add(publishTakes), 0, nil, at)}
}

// CachedAnswer is the body that a repeated request is answered with, as in
// idem_response_cache and in Redis.
func (pay *Payment) CachedAnswer() []byte {
	body := struct {
		PaymentID     int64  `json:"paymentId"`
		Status        string `json:"status"`
		Amount        int64  `json:"amount"`
		Currency      string `json:"currency"`
		CreatedAt     string `json:"createdAt"`
		LedgerEntries []any  `json:"ledgerEntries"`
		Message       string `json:"message"`
	}{pay.ID, CaptureRequested, pay.Amount, pay.Currency, pay.RequestedAt.Format(time.RFC3339Nano), []any{}, "authorized"}
	if pay.bulk > 0 {
		body.Message = strings.Repeat("x", pay.bulk)
	}
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // only numbers and strings
	}
	return text
}

// mysqlTime is how MariaDB reads a TIMESTAMP(3).
const mysqlTime = "2006-01-02 15:04:05.000"

// line writes values as LOAD DATA reads them: tabs between, backslashes before
// what is special, \N for NULL.
func line(values ...any) []byte {
	out := make([]byte, 0, 160)
	for i, v := range values {
		if i > 0 {
			out = append(out, '\t')
		}
		switch v := v.(type) {
		case nil:
			out = append(out, '\\', 'N')
		case int:
			out = strconv.AppendInt(out, int64(v), 10)
		case int64:
			out = strconv.AppendInt(out, v, 10)
		case time.Time:
			out = v.UTC().AppendFormat(out, mysqlTime)
		case string:
			out = escape(out, v)
		case []byte:
			out = escape(out, string(v))
		default:
			panic("seed: no way to write this value")
		}
	}
	return append(out, '\n')
}

func escape(out []byte, s string) []byte {
	for i := range len(s) {
		switch c := s[i]; c {
		case '\\', '\t', '\n':
			out = append(out, '\\', c)
		case 0:
			out = append(out, '\\', '0')
		default:
			out = append(out, c)
		}
	}
	return out
}
