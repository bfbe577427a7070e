-- The data of the benchmark: payments of 30 days and what follows from them, right
-- but for what is planted. {n} is how many payments, {odd} is 0 on the first shard
-- and 1 on the second. One statement ends where a line ends in a semicolon.
SET unique_checks=0, foreign_key_checks=0;

-- Of twenty payments sixteen are captured, one is refunded, three have failed.
INSERT INTO payment (payment_id, merchant_id, amount, currency, status, idempotency_key, requested_at, updated_at)
SELECT seq, CONCAT('MERCHANT-', 2 * (seq % 250) + {odd}), 1000 + seq * 7919 % 500000, IF(seq % 20 = 0, 'USD', 'KRW'),
  CASE WHEN seq % 20 < 16 THEN 'CAPTURED' WHEN seq % 20 = 16 THEN 'REFUNDED' ELSE 'CAPTURE_FAILED' END,
  CONCAT('order-', seq), UTC_TIMESTAMP(3) - INTERVAL 7200000000 + ({n} - seq) * 2592000000 / {n} * 1000 MICROSECOND,
  UTC_TIMESTAMP(3) - INTERVAL 7195000000 + ({n} - seq) * 2592000000 / {n} * 1000 MICROSECOND
FROM seq_1_to_{n};

-- One capture for what was captured; none for the planted ids that miss it, another
-- amount for those that are off by one.
INSERT INTO ledger_entry (payment_id, debit_account, credit_account, amount, occurred_at)
SELECT payment_id, 'merchant_receivable', 'cash', amount + (payment_id % 10009 = 0 AND payment_id % 10007 <> 0), updated_at
FROM payment WHERE status IN ('CAPTURED', 'REFUNDED') AND payment_id % 10007 <> 0 ORDER BY payment_id;

INSERT INTO ledger_entry (payment_id, debit_account, credit_account, amount, occurred_at)
SELECT payment_id, 'cash', 'merchant_receivable', amount, updated_at FROM payment WHERE status = 'REFUNDED' ORDER BY payment_id;

-- Planted: captured twice.
INSERT INTO ledger_entry (payment_id, debit_account, credit_account, amount, occurred_at)
SELECT payment_id, 'merchant_receivable', 'cash', amount, updated_at FROM payment
WHERE status = 'CAPTURED' AND payment_id % 10037 = 0 AND payment_id % 10007 <> 0 AND payment_id % 10009 <> 0;

-- Planted: refunded for more than it was worth.
INSERT INTO ledger_entry (payment_id, debit_account, credit_account, amount, occurred_at)
SELECT payment_id, 'cash', 'merchant_receivable', amount, updated_at FROM payment
WHERE status = 'REFUNDED' AND payment_id % 1009 = 0 AND payment_id % 10007 <> 0 AND payment_id % 10009 <> 0;

INSERT INTO settlement_request (payment_id, request_amount, status, pg_transaction_id, pg_response_code, retry_count, last_retry_at, requested_at, completed_at)
SELECT payment_id, amount, IF(status = 'CAPTURE_FAILED', 'FAILED', 'SUCCESS'), CONCAT('PG-', payment_id), IF(status = 'CAPTURE_FAILED', 'PG_TIMEOUT', '0000'),
  IF(status = 'CAPTURE_FAILED', 1, 0), IF(status = 'CAPTURE_FAILED', UTC_TIMESTAMP(3), NULL), requested_at, updated_at FROM payment ORDER BY payment_id;

INSERT INTO refund_request (payment_id, refund_amount, refund_reason, status, pg_cancel_transaction_id, pg_response_code, requested_at, completed_at)
SELECT payment_id, amount, 'customer request', 'SUCCESS', CONCAT('CXL-', payment_id), '0000', requested_at, updated_at FROM payment WHERE status = 'REFUNDED' ORDER BY payment_id;

SET unique_checks=1, foreign_key_checks=1;

ANALYZE TABLE payment, ledger_entry, settlement_request, refund_request;
