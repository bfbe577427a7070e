package dbtest

import "testing"

// Books fills all tables but the outbox with n payments a shard whose books are
// right: ids from 1 on, requested a minute apart, the last one three hours ago. Of
// ten eight are captured, the one whose id ends in 8 is refunded, in 9 has failed; ids
// that end in 0 are in USD. Merchants live where they belong.
func (db *DB) Books(t testing.TB, n int) *DB {
	t.Helper()
	for i, s := range db.Shards {
		s.Exec(t, `INSERT INTO payment (payment_id, merchant_id, amount, currency, status, idempotency_key, requested_at, updated_at)
SELECT seq, CONCAT('MERCHANT-', 2 * (seq MOD 5) + ?), 1000 + seq, IF(seq MOD 10 = 0, 'USD', 'KRW'), CASE seq MOD 10 WHEN 8 THEN 'REFUNDED' WHEN 9 THEN 'CAPTURE_FAILED' ELSE 'CAPTURED' END,
  CONCAT('key-', seq), UTC_TIMESTAMP(3) - INTERVAL 180 + ? - seq MINUTE, UTC_TIMESTAMP(3) - INTERVAL 180 + ? - seq MINUTE FROM seq_1_to_100000 WHERE seq <= ?`, i, n, n, n)
		for _, statement := range []string{
			`INSERT INTO ledger_entry (payment_id, debit_account, credit_account, amount, occurred_at) SELECT payment_id, 'merchant_receivable', 'cash', amount, updated_at FROM payment WHERE status IN ('CAPTURED', 'REFUNDED') ORDER BY payment_id`,
			`INSERT INTO ledger_entry (payment_id, debit_account, credit_account, amount, occurred_at) SELECT payment_id, 'cash', 'merchant_receivable', amount, updated_at FROM payment WHERE status = 'REFUNDED'`,
			`INSERT INTO settlement_request (payment_id, request_amount, status, retry_count, requested_at) SELECT payment_id, amount, IF(status = 'CAPTURE_FAILED', 'FAILED', 'SUCCESS'), 1, requested_at FROM payment`,
			`INSERT INTO refund_request (payment_id, refund_amount, status, requested_at) SELECT payment_id, amount, 'SUCCESS', requested_at FROM payment WHERE status = 'REFUNDED'`,
			"ANALYZE TABLE payment, ledger_entry, settlement_request, refund_request",
		} {
			s.Exec(t, statement)
		}
	}
	return db
}
