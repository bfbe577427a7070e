package invariant

import (
	"time"
)

// Preamble is how a session is set up for the statements: it can change
// nothing, reads times in UTC and gives up early. The last line halves the time
// of those that join a grouped subquery.
var Preamble = []string{
	"SET SESSION TRANSACTION READ ONLY",
	"SET time_zone='+00:00'",
	"SET max_statement_time=5, lock_wait_timeout=2",
	"SET optimizer_switch='split_materialized=off'",
}

// Identity says which server answers; two shards on one server are one.
const Identity = "SELECT @@hostname, @@port, @@server_id, @@global.server_uid, UTC_TIMESTAMP(3)"

// Scope is what the statements look at.
type Scope struct {
	First, Last int64     // payment ids, inclusive
	Since       time.Time // by the server's clock
	MaxRetries  int       // after which the outbox poller gives up
}

func (s Scope) ids() []any      { return []any{s.First, s.Last} }
func (s Scope) idsTwice() []any { return []any{s.First, s.Last, s.First, s.Last} }
func (s Scope) since() []any    { return []any{s.Since} }
func (s Scope) retries() []any  { return []any{s.MaxRetries} }
func (s Scope) first() []any    { return []any{s.First} }
func (Scope) none() []any       { return nil }

// Statement is one question to one shard.
type Statement struct {
	// Name begins with the number of the question.
	Name string
	SQL  string
	Args func(Scope) []any
	// Violations says that in a healthy system there is no row.
	Violations bool
}

// Statements are all questions, the ones that only report among them.
var Statements = []Statement{
	{"Q0 the first payment from an id on", `SELECT payment_id,requested_at FROM payment WHERE payment_id>=? ORDER BY payment_id LIMIT 1`, Scope.first, false},
	{"Q0 the first payment since a time", `SELECT MIN(payment_id) FROM payment
WHERE status IN ('READY','AUTHORIZED','AUTH_FAILED','CAPTURE_REQUESTED','CAPTURED','CAPTURE_FAILED','REFUND_REQUESTED','REFUNDED','REFUND_FAILED','PARTIAL_REFUNDED','REQUESTED','COMPLETED','CANCELLED') AND requested_at>=?`, Scope.since, false},

	{"Q1 postings against status", `SELECT * FROM (SELECT p.payment_id,p.merchant_id,p.status,p.amount,p.updated_at,COALESCE(l.cap_n,0) cap_n,COALESCE(l.cap_sum,0) cap_sum,
    COALESCE(l.ref_n,0) ref_n,COALESCE(l.ref_sum,0) ref_sum,COALESCE(l.odd_n,0) odd_n
  FROM payment p LEFT JOIN (SELECT payment_id,
      SUM(debit_account='merchant_receivable' AND credit_account='cash') cap_n,
      SUM(IF(debit_account='merchant_receivable' AND credit_account='cash',amount,0)) cap_sum,
      SUM(debit_account='cash' AND credit_account='merchant_receivable') ref_n,
      SUM(IF(debit_account='cash' AND credit_account='merchant_receivable',amount,0)) ref_sum,
      SUM(NOT((debit_account='merchant_receivable' AND credit_account='cash') OR (debit_account='cash' AND credit_account='merchant_receivable'))) odd_n
    FROM ledger_entry WHERE payment_id BETWEEN ? AND ? GROUP BY payment_id) l ON l.payment_id=p.payment_id
  WHERE p.payment_id BETWEEN ? AND ? AND p.updated_at<UTC_TIMESTAMP(3)-INTERVAL 120 SECOND) t
WHERE NOT CASE WHEN status IN ('CAPTURED','REFUND_REQUESTED','REFUND_FAILED') THEN cap_n=1 AND cap_sum=amount AND ref_n=0 AND odd_n=0
  WHEN status='REFUNDED' THEN cap_n=1 AND cap_sum=amount AND ref_n=1 AND ref_sum=amount AND odd_n=0
  WHEN status='PARTIAL_REFUNDED' THEN cap_n=1 AND cap_sum=amount AND ref_n>=1 AND ref_sum<amount AND odd_n=0
  ELSE cap_n=0 AND ref_n=0 AND odd_n=0 END
ORDER BY payment_id LIMIT 500`, Scope.idsTwice, true},

	{"Q2 control total of captured payments", `SELECT COUNT(*),COALESCE(SUM(amount),0),COALESCE(BIT_XOR(CRC32(CONCAT_WS('|',payment_id,amount))),0) FROM payment
WHERE payment_id BETWEEN ? AND ? AND status IN ('CAPTURED','REFUND_REQUESTED','REFUND_FAILED','REFUNDED','PARTIAL_REFUNDED')`, Scope.ids, false},
	{"Q2 control total of capture postings", `SELECT COUNT(*),COALESCE(SUM(amount),0),COALESCE(BIT_XOR(CRC32(CONCAT_WS('|',payment_id,amount))),0) FROM ledger_entry
WHERE payment_id BETWEEN ? AND ? AND debit_account='merchant_receivable' AND credit_account='cash'`, Scope.ids, false},

	{"Q3 postings above the last payment", `SELECT entry_id,payment_id FROM ledger_entry WHERE payment_id>(SELECT MAX(payment_id) FROM payment) LIMIT 100`, Scope.none, true},
	{"Q3 postings without a payment", `SELECT l.entry_id,l.payment_id FROM ledger_entry l FORCE INDEX(ix_payment_time) LEFT JOIN payment p ON p.payment_id=l.payment_id
WHERE l.payment_id BETWEEN ? AND ? AND p.payment_id IS NULL LIMIT 100`, Scope.ids, true},

	// A payment without a successful settlement may have been captured by
	// the merchant's own call; Check looks for that event.
	{q4, `SELECT p.payment_id,p.status,p.amount,s.n,s.ok,s.amt FROM payment p LEFT JOIN (SELECT payment_id,COUNT(*) n,SUM(status='SUCCESS') ok,
   SUM(IF(status='SUCCESS',request_amount,0)) amt FROM settlement_request WHERE payment_id BETWEEN ? AND ? GROUP BY payment_id) s USING(payment_id)
WHERE p.payment_id BETWEEN ? AND ? AND ((p.status IN ('CAPTURED','REFUND_REQUESTED','REFUND_FAILED','REFUNDED') AND (s.ok IS NULL OR s.ok<>1 OR s.amt<>p.amount))
  OR (p.status IN ('CAPTURE_REQUESTED','CAPTURE_FAILED') AND s.ok>0) OR s.n>1) LIMIT 500`, Scope.idsTwice, false},
	{"Q4 settlements against payments", `SELECT s.id,s.payment_id,s.request_amount,p.amount,p.status FROM settlement_request s JOIN payment p USING(payment_id)
WHERE s.status='SUCCESS' AND s.requested_at>=? AND (s.request_amount<>p.amount OR p.status IN ('CAPTURE_REQUESTED','CAPTURE_FAILED','AUTHORIZED')) LIMIT 500`, Scope.since, true},

	{"Q5 refunds against payments", `SELECT p.payment_id,p.status,p.amount,r.n,r.ok,r.amt FROM payment p JOIN (SELECT payment_id,COUNT(*) n,SUM(status='SUCCESS') ok,SUM(IF(status='SUCCESS',refund_amount,0)) amt
  FROM refund_request WHERE payment_id BETWEEN ? AND ? GROUP BY payment_id) r USING(payment_id)
WHERE r.ok>1 OR r.amt>p.amount OR (p.status='REFUNDED' AND r.ok<>1) OR (p.status NOT IN ('REFUNDED','PARTIAL_REFUNDED') AND r.ok>0)`, Scope.ids, true},
	{"Q5 refunded payments without a refund", `SELECT p.payment_id FROM payment p WHERE p.status='REFUNDED' AND p.requested_at>=? AND NOT EXISTS(SELECT 1 FROM refund_request r WHERE r.payment_id=p.payment_id AND r.status='SUCCESS') LIMIT 500`, Scope.since, true},

	{"Q6 starved settlements, counted", `SELECT COUNT(*),SUM(request_amount),MIN(requested_at) FROM settlement_request WHERE status='FAILED' AND requested_at BETWEEN ? AND UTC_TIMESTAMP(3)-INTERVAL 90 SECOND AND retry_count=0 AND last_retry_at IS NULL`, Scope.since, false},
	{"Q6 starved settlements", `SELECT id,payment_id FROM settlement_request WHERE status='FAILED' AND retry_count<10 AND (last_retry_at IS NULL OR last_retry_at<UTC_TIMESTAMP(3)-INTERVAL 90 SECOND) AND requested_at<UTC_TIMESTAMP(3)-INTERVAL 90 SECOND LIMIT 100`, Scope.none, true},
	{"Q6 starved refunds", `SELECT id,payment_id FROM refund_request WHERE status='FAILED' AND retry_count<10 AND (last_retry_at IS NULL OR last_retry_at<UTC_TIMESTAMP(3)-INTERVAL 90 SECOND) AND requested_at<UTC_TIMESTAMP(3)-INTERVAL 90 SECOND LIMIT 100`, Scope.none, true},
	{"Q6 dead settlements", `SELECT id,payment_id,retry_count,pg_response_code FROM settlement_request WHERE status='FAILED' AND requested_at>=? AND retry_count>=10 LIMIT 100`, Scope.since, true},
	{"Q6 stuck captures", `SELECT payment_id,merchant_id,requested_at FROM payment WHERE status='CAPTURE_REQUESTED' AND requested_at<UTC_TIMESTAMP(3)-INTERVAL 300 SECOND ORDER BY requested_at LIMIT 100`, Scope.none, true},
	{"Q6 stuck refunds", `SELECT payment_id,merchant_id,updated_at FROM payment WHERE status='REFUND_REQUESTED' AND updated_at<UTC_TIMESTAMP(3)-INTERVAL 300 SECOND LIMIT 100`, Scope.none, true},
	{"Q6 pending requests", `SELECT id,payment_id FROM settlement_request WHERE status='PENDING' UNION ALL SELECT id,payment_id FROM refund_request WHERE status='PENDING' LIMIT 100`, Scope.none, true},

	{"Q7 unpublished events", `SELECT COUNT(*),MIN(created_at),SUM(retry_count>=?),SUM(retry_count=0 AND last_retry_at IS NULL),MAX(retry_count),MAX(last_retry_at) FROM outbox_event WHERE published=0`, Scope.retries, false},
	{"Q7 unpublished events by type", `SELECT event_type,aggregate_id%2 parity,COUNT(*),MIN(created_at),MAX(retry_count) FROM outbox_event WHERE published=0 GROUP BY 1,2`, Scope.none, false},
	{"Q7 newest published event", `SELECT MAX(published_at),COUNT(*) FROM outbox_event FORCE INDEX(ix_pub_created) WHERE published=1 AND created_at>=UTC_TIMESTAMP(3)-INTERVAL 10 MINUTE`, Scope.none, false},
	{"Q7 events that wait too long", `SELECT event_id,created_at FROM outbox_event WHERE published=0 AND created_at<UTC_TIMESTAMP(3)-INTERVAL 60 SECOND LIMIT 100`, Scope.none, true},
	{"Q7 published without a time, or the reverse", `SELECT event_id FROM outbox_event WHERE published<>(published_at IS NOT NULL) LIMIT 100`, Scope.none, true},
	{"Q7 unknown types of event", `SELECT event_id,event_type FROM outbox_event WHERE event_type NOT IN ('PAYMENT_AUTHORIZED','PAYMENT_CAPTURE_REQUESTED','PAYMENT_CAPTURED','PAYMENT_REFUND_REQUESTED','PAYMENT_REFUNDED') LIMIT 100`, Scope.none, true},

	{"Q8 payments without their events", `SELECT p.payment_id,p.status,o.auth,o.cap,o.ref FROM payment p LEFT JOIN (SELECT aggregate_id,SUM(event_type='PAYMENT_AUTHORIZED') auth,SUM(event_type='PAYMENT_CAPTURE_REQUESTED') cap,
   SUM(event_type='PAYMENT_REFUND_REQUESTED') ref FROM outbox_event GROUP BY aggregate_id) o ON o.aggregate_id=p.payment_id
WHERE p.requested_at<UTC_TIMESTAMP(3)-INTERVAL 60 SECOND AND (o.auth IS NULL OR o.auth<>1 OR o.cap<>1 OR o.ref<>(p.status LIKE 'REFUND%')) LIMIT 100`, Scope.none, true},

	{"Q10 payments without a cached answer", `SELECT p.payment_id FROM payment p LEFT JOIN idem_response_cache c USING(merchant_id,idempotency_key)
WHERE p.payment_id BETWEEN ? AND ? AND c.merchant_id IS NULL LIMIT 100`, Scope.ids, true},
	{"Q10 cached answers without their payment", `SELECT c.merchant_id,c.idempotency_key FROM idem_response_cache c LEFT JOIN payment p USING(merchant_id,idempotency_key)
WHERE p.payment_id IS NULL OR JSON_VALUE(c.response_body,'$.paymentId')<>p.payment_id OR JSON_VALUE(c.response_body,'$.amount')<>p.amount OR JSON_VALUE(c.response_body,'$.currency')<>p.currency LIMIT 100`, Scope.none, true},

	{"Q13 ledger totals", `SELECT debit_account,credit_account,COUNT(*),SUM(amount) FROM ledger_entry GROUP BY debit_account,credit_account`, Scope.none, false},
	{"Q13 payment totals", `SELECT status,COUNT(*),SUM(amount) FROM payment GROUP BY status`, Scope.none, false},

	{"time the future", `SELECT 'payment',payment_id FROM payment WHERE GREATEST(requested_at,updated_at)>UTC_TIMESTAMP(3)+INTERVAL 2 SECOND
UNION ALL SELECT 'outbox',event_id FROM outbox_event WHERE GREATEST(created_at,COALESCE(published_at,created_at))>UTC_TIMESTAMP(3)+INTERVAL 2 SECOND
UNION ALL SELECT 'ledger',entry_id FROM ledger_entry WHERE occurred_at>UTC_TIMESTAMP(3)+INTERVAL 2 SECOND LIMIT 100`, Scope.none, true},
	{"time the wrong order", `SELECT 'payment',payment_id FROM payment WHERE updated_at<requested_at
UNION ALL SELECT 'outbox',event_id FROM outbox_event WHERE published_at<created_at
UNION ALL SELECT 'settlement',id FROM settlement_request WHERE completed_at<requested_at
UNION ALL SELECT 'refund',id FROM refund_request WHERE completed_at<requested_at
UNION ALL SELECT 'posting',l.entry_id FROM ledger_entry l JOIN payment p USING(payment_id) WHERE l.occurred_at<p.requested_at LIMIT 100`, Scope.none, true},
	{"lock held too long", `SELECT name,lock_until FROM shedlock WHERE lock_until>UTC_TIMESTAMP(3)+INTERVAL 60 SECOND`, Scope.none, true},
}

// q4 is the statement whose rows need a second look.
const q4 = "Q4 payments against settlements"
