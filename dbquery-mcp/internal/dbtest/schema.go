package dbtest

import (
	"testing"
	"time"
)

// children are the tables beside payment, as the payment system's schema.sql has
// them, each behind those that it refers to.
var children = []string{
	`CREATE TABLE ledger_entry (
  entry_id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  payment_id BIGINT NOT NULL,
  debit_account VARCHAR(64) NOT NULL,
  credit_account VARCHAR(64) NOT NULL,
  amount BIGINT NOT NULL CHECK (amount > 0),
  occurred_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  KEY ix_payment_time (payment_id, occurred_at),
  FOREIGN KEY (payment_id) REFERENCES payment (payment_id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`,
	`CREATE TABLE outbox_event (
  event_id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  aggregate_type VARCHAR(32) NOT NULL,
  aggregate_id BIGINT NOT NULL,
  event_type VARCHAR(32) NOT NULL,
  payload JSON NOT NULL,
  published TINYINT(1) NOT NULL DEFAULT 0,
  published_at TIMESTAMP(3) NULL DEFAULT NULL,
  retry_count INT NOT NULL DEFAULT 0,
  last_retry_at TIMESTAMP(3) NULL DEFAULT NULL,
  created_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  KEY ix_pub_created (published, created_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`,
	`CREATE TABLE idem_response_cache (
  merchant_id VARCHAR(32) NOT NULL,
  idempotency_key VARCHAR(64) NOT NULL,
  http_status INT NOT NULL,
  response_body JSON NOT NULL,
  created_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  PRIMARY KEY (merchant_id, idempotency_key)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`,
	`CREATE TABLE settlement_request (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  payment_id BIGINT NOT NULL,
  request_amount DECIMAL(15,2) NOT NULL CHECK (request_amount > 0),
  status VARCHAR(50) NOT NULL,
  pg_transaction_id VARCHAR(255) NULL,
  pg_response_code VARCHAR(50) NULL,
  pg_response_message TEXT NULL,
  retry_count INT NOT NULL DEFAULT 0,
  last_retry_at TIMESTAMP(3) NULL DEFAULT NULL,
  requested_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  completed_at TIMESTAMP(3) NULL DEFAULT NULL,
  KEY ix_status_requested (status, requested_at),
  KEY ix_payment (payment_id),
  FOREIGN KEY (payment_id) REFERENCES payment (payment_id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`,
	`CREATE TABLE refund_request (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  payment_id BIGINT NOT NULL,
  refund_amount DECIMAL(15,2) NOT NULL CHECK (refund_amount > 0),
  refund_reason VARCHAR(500) NULL,
  status VARCHAR(50) NOT NULL,
  pg_cancel_transaction_id VARCHAR(255) NULL,
  pg_response_code VARCHAR(50) NULL,
  pg_response_message TEXT NULL,
  retry_count INT NOT NULL DEFAULT 0,
  last_retry_at TIMESTAMP(3) NULL DEFAULT NULL,
  requested_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  completed_at TIMESTAMP(3) NULL DEFAULT NULL,
  KEY ix_status_requested (status, requested_at),
  KEY ix_payment (payment_id),
  FOREIGN KEY (payment_id) REFERENCES payment (payment_id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`,
	`CREATE TABLE shedlock (
  name VARCHAR(64) NOT NULL PRIMARY KEY,
  lock_until TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  locked_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  locked_by VARCHAR(255) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`,
}

// Whole makes the other tables of the payment system on every shard.
func (db *DB) Whole(t testing.TB) *DB {
	t.Helper()
	for _, statement := range children {
		db.Grant(t, statement)
	}
	return db
}

// Record stores the answer that a repeated request gets, on shard 1 or 2.
func (db *DB) Record(t testing.TB, shard int, merchant, key, body string, at time.Time) {
	t.Helper()
	db.Shards[shard-1].Exec(t, "INSERT INTO idem_response_cache (merchant_id, idempotency_key, http_status, response_body, created_at) VALUES (?, ?, 200, ?, ?)", merchant, key, body, at)
}

// Recorded inserts payments with the records that a healthy system has of them.
func (db *DB) Recorded(t testing.TB, shard int, payments ...Payment) {
	t.Helper()
	for _, p := range payments {
		db.Insert(t, shard, p)
		db.Shards[shard-1].Exec(t, `INSERT INTO idem_response_cache (merchant_id, idempotency_key, http_status, response_body, created_at)
SELECT merchant_id, idempotency_key, 200, JSON_OBJECT('paymentId', payment_id, 'status', 'CAPTURE_REQUESTED', 'amount', amount, 'currency', currency), requested_at
FROM payment ORDER BY payment_id DESC LIMIT 1`)
	}
}
