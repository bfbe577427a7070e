-- The tables of the payment system, as its own schema creates them on MariaDB.
-- Every payment lives on one shard, and every shard has all of these tables.
-- Amounts of payments and postings are whole numbers in the currency's unit;
-- requests to the payment gateway carry two decimals.

CREATE TABLE IF NOT EXISTS payment (
  payment_id       BIGINT       NOT NULL AUTO_INCREMENT PRIMARY KEY,
  merchant_id      VARCHAR(32)  NOT NULL,
  amount           BIGINT       NOT NULL CHECK (amount > 0),
  currency         CHAR(3)      NOT NULL DEFAULT 'KRW',
  status           VARCHAR(50)  NOT NULL,
  idempotency_key  VARCHAR(64)  NOT NULL,
  requested_at     TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  updated_at       TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
  UNIQUE KEY uk_idem (merchant_id, idempotency_key),
  KEY ix_status_time (status, requested_at),
  KEY ix_merchant_time (merchant_id, requested_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- One row is one posting: one account debited, one credited, one amount.
CREATE TABLE IF NOT EXISTS ledger_entry (
  entry_id         BIGINT       NOT NULL AUTO_INCREMENT PRIMARY KEY,
  payment_id       BIGINT       NOT NULL,
  debit_account    VARCHAR(64)  NOT NULL,
  credit_account   VARCHAR(64)  NOT NULL,
  amount           BIGINT       NOT NULL CHECK (amount > 0),
  occurred_at      TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  KEY ix_payment_time (payment_id, occurred_at),
  CONSTRAINT fk_ledger_payment FOREIGN KEY (payment_id) REFERENCES payment (payment_id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- Events are written with the business change and published later; there is
-- no index on aggregate_id.
CREATE TABLE IF NOT EXISTS outbox_event (
  event_id         BIGINT       NOT NULL AUTO_INCREMENT PRIMARY KEY,
  aggregate_type   VARCHAR(32)  NOT NULL,
  aggregate_id     BIGINT       NOT NULL,
  event_type       VARCHAR(32)  NOT NULL,
  payload          JSON         NOT NULL,
  published        TINYINT(1)   NOT NULL DEFAULT 0,
  published_at     TIMESTAMP(3) NULL DEFAULT NULL,
  retry_count      INT          NOT NULL DEFAULT 0,
  last_retry_at    TIMESTAMP(3) NULL DEFAULT NULL,
  created_at       TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  KEY ix_pub_created (published, created_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- What a repeated request is answered with.
CREATE TABLE IF NOT EXISTS idem_response_cache (
  merchant_id      VARCHAR(32)  NOT NULL,
  idempotency_key  VARCHAR(64)  NOT NULL,
  http_status      INT          NOT NULL,
  response_body    JSON         NOT NULL,
  created_at       TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  PRIMARY KEY (merchant_id, idempotency_key)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- Captures asked of the payment gateway: PENDING, SUCCESS or FAILED. Nothing
-- in the schema keeps a payment from having two.
CREATE TABLE IF NOT EXISTS settlement_request (
  id                   BIGINT        NOT NULL AUTO_INCREMENT PRIMARY KEY,
  payment_id           BIGINT        NOT NULL,
  request_amount       DECIMAL(15,2) NOT NULL CHECK (request_amount > 0),
  status               VARCHAR(50)   NOT NULL,
  pg_transaction_id    VARCHAR(255)  NULL,
  pg_response_code     VARCHAR(50)   NULL,
  pg_response_message  TEXT          NULL,
  retry_count          INT           NOT NULL DEFAULT 0,
  last_retry_at        TIMESTAMP(3)  NULL DEFAULT NULL,
  requested_at         TIMESTAMP(3)  NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  completed_at         TIMESTAMP(3)  NULL DEFAULT NULL,
  KEY ix_status_requested (status, requested_at),
  KEY ix_payment (payment_id),
  CONSTRAINT fk_settlement_payment FOREIGN KEY (payment_id) REFERENCES payment (payment_id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- Refunds asked of the payment gateway, in the same states.
CREATE TABLE IF NOT EXISTS refund_request (
  id                        BIGINT        NOT NULL AUTO_INCREMENT PRIMARY KEY,
  payment_id                BIGINT        NOT NULL,
  refund_amount             DECIMAL(15,2) NOT NULL CHECK (refund_amount > 0),
  refund_reason             VARCHAR(500)  NULL,
  status                    VARCHAR(50)   NOT NULL,
  pg_cancel_transaction_id  VARCHAR(255)  NULL,
  pg_response_code          VARCHAR(50)   NULL,
  pg_response_message       TEXT          NULL,
  retry_count               INT           NOT NULL DEFAULT 0,
  last_retry_at             TIMESTAMP(3)  NULL DEFAULT NULL,
  requested_at              TIMESTAMP(3)  NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  completed_at              TIMESTAMP(3)  NULL DEFAULT NULL,
  KEY ix_status_requested (status, requested_at),
  KEY ix_payment (payment_id),
  CONSTRAINT fk_refund_payment FOREIGN KEY (payment_id) REFERENCES payment (payment_id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- Who runs the outbox poller; used on the first shard only.
CREATE TABLE IF NOT EXISTS shedlock (
  name        VARCHAR(64)  NOT NULL PRIMARY KEY,
  lock_until  TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  locked_at   TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  locked_by   VARCHAR(255) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
