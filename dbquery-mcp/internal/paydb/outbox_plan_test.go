package paydb

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"payops-mcp/dbquery-mcp/internal/dbtest"
)

// fillAll makes n payments on each shard as Fill does, with their events, and a
// settlement and a refund request for many of them. The newest events wait.
func fillAll(t testing.TB, db *dbtest.DB, n int) {
	t.Helper()
	db.Fill(t, n)
	for _, s := range db.Shards {
		s.Exec(t, `INSERT INTO outbox_event (aggregate_type, aggregate_id, event_type, payload, published, published_at, created_at)
SELECT 'payment', payment_id, kind, '{}', requested_at < UTC_TIMESTAMP(3) - INTERVAL 30 SECOND, IF(requested_at < UTC_TIMESTAMP(3) - INTERVAL 30 SECOND, requested_at + INTERVAL 1 SECOND, NULL), requested_at
FROM payment, (SELECT 'PAYMENT_AUTHORIZED' AS kind UNION ALL SELECT 'PAYMENT_CAPTURE_REQUESTED') AS kinds ORDER BY payment_id`)
		s.Exec(t, `INSERT INTO settlement_request (payment_id, request_amount, status, pg_response_code, retry_count, last_retry_at, requested_at, completed_at)
SELECT payment_id, amount, IF(status = 'CAPTURE_FAILED', 'FAILED', 'SUCCESS'), '0000', 0, NULL, requested_at, requested_at FROM payment WHERE status <> 'CAPTURE_REQUESTED' ORDER BY payment_id`)
		s.Exec(t, `INSERT INTO refund_request (payment_id, refund_amount, status, pg_response_code, retry_count, last_retry_at, requested_at, completed_at)
SELECT payment_id, amount, IF(status = 'REFUND_FAILED', 'FAILED', 'SUCCESS'), '0000', 0, NULL, requested_at, requested_at FROM payment WHERE status LIKE 'REFUND%D' ORDER BY payment_id`)
		s.Exec(t, `INSERT INTO idem_response_cache (merchant_id, idempotency_key, http_status, response_body) SELECT merchant_id, idempotency_key, 200, '{}' FROM payment`)
		for _, table := range []string{"outbox_event", "settlement_request", "refund_request", "idem_response_cache"} {
			s.Exec(t, "ANALYZE TABLE "+table)
		}
	}
}

// Every statement about the outbox, requests and single payments walks the index
// that it should. The tables have 40,000 events and 20,000 payments.
func TestPlansOfOutboxRequestsAndTrace(t *testing.T) {
	db := dbtest.New(t).Whole(t)
	fillAll(t, db, 20000)
	db.Shards[0].Exec(t, "INSERT INTO shedlock (name, locked_by) VALUES (?, 'ingest-1')", PollerLockName)
	now, hour := time.Now().UTC().Format(sqlTime), time.Now().UTC().Add(-time.Hour).Format(sqlTime)
	type args = []any
	forced := func(index string) string { return "FORCE INDEX (`" + index + "`) WHERE" }

	for name, x := range map[string]struct {
		query string
		args  args
		want  []string // table access key, of the payment system's tables alone
	}{
		"the last event":       {fillIndex(sqlLastEvent, "PRIMARY"), nil, []string{"outbox_event index PRIMARY 1"}},
		"the first event":      {fillIndex(sqlFirstEvent, "PRIMARY"), nil, []string{"outbox_event index PRIMARY 1"}},
		"the first of newest":  {fillIndex(sqlFirstOfNewest, "PRIMARY"), args{1000}, []string{"outbox_event index PRIMARY 1001"}},
		"the newest events":    {fmt.Sprintf(sqlNewestEvents, "published_at", "`PRIMARY`"), args{39000, 10}, []string{"outbox_event range PRIMARY"}},
		"marked by hand":       {fillIndex(sqlMarkedByHand, "PRIMARY"), args{39000, 10}, []string{"outbox_event range PRIMARY"}},
		"unknown types":        {fmt.Sprintf(sqlOfType, "`PRIMARY`", "'A', 'B'"), args{39000, 10}, []string{"outbox_event range PRIMARY"}},
		"what waits":           {fmt.Sprintf(sqlWaiting, "retry_count", "last_retry_at", "`ix_pub_created`", ""), args{100}, []string{"outbox_event ref ix_pub_created"}},
		"the newest that wait": {fmt.Sprintf(sqlWaiting, "retry_count", "last_retry_at", "`ix_pub_created`", " DESC"), args{100}, []string{"outbox_event ref ix_pub_created"}},
		"what waits, without the index": {fmt.Sprintf(sqlWaitingAmongNewest, "retry_count", "last_retry_at", "`PRIMARY`"), args{39000, 100},
			[]string{"outbox_event range PRIMARY"}},
		"how many wait":    {fillIndex(sqlWaitingCount, "ix_pub_created"), args{100}, []string{"outbox_event ref ix_pub_created"}},
		"published last":   {fillIndex(sqlPublishedLast, "ix_pub_created"), nil, []string{"outbox_event ref ix_pub_created"}},
		"published first":  {fmt.Sprintf(sqlPublishedFirst, "published_at", "`ix_pub_created`"), nil, []string{"outbox_event ref ix_pub_created"}},
		"published by min": {fillIndex(sqlPublishedByMinute, "ix_pub_created"), args{now, 100}, []string{"outbox_event ref ix_pub_created"}},
		"arrived by min":   {fillIndex(sqlArrivedByMinute, "ix_pub_created"), args{now, 1, hour, 100}, []string{"outbox_event range ix_pub_created"}},
		"payments without their event": {fmt.Sprintf(sqlWithoutEvent, "`PRIMARY`", "`PRIMARY`"), args{19000, 39000, hour, now, 10},
			[]string{"outbox_event range PRIMARY", "payment range PRIMARY"}},
		"the last payment": {fillIndex(sqlLastPayment, "PRIMARY"), nil, []string{"payment index PRIMARY 1"}},
		"the one before":   {fillIndex(sqlPaymentBefore, "PRIMARY"), args{19000}, []string{"payment range PRIMARY"}},
		"whose payments":   {fmt.Sprintf(sqlHurt, "`PRIMARY`", "?, ?"), args{7, 8}, []string{"payment range PRIMARY"}},
		"the lock":         {sqlPollerLock, args{PollerLockName}, []string{"shedlock const PRIMARY"}},

		"failed requests": {fmt.Sprintf(sqlRequests, "settlement_request", "request_amount", forced("ix_status_requested")), args{"FAILED", hour, now, 100},
			[]string{"p eq_ref PRIMARY", "settlement_request range ix_status_requested"}},
		"failed refunds": {fmt.Sprintf(sqlRequests, "refund_request", "refund_amount", forced("ix_status_requested")), args{"FAILED", hour, now, 100},
			[]string{"p eq_ref PRIMARY", "refund_request range ix_status_requested"}},
		"odd statuses": {fmt.Sprintf(sqlOddStatuses, "settlement_request", forced("ix_status_requested")), args{9}, []string{"settlement_request range ix_status_requested"}},
		"requests over time": {fmt.Sprintf(sqlRequestsByMinute, "settlement_request", forced("ix_status_requested")), args{hour, 60, "SUCCESS", hour, now, 100},
			[]string{"settlement_request range ix_status_requested"}},
		"the last asked":     {fmt.Sprintf(sqlLastAsked, "`ix_status_time`"), args{"CAPTURE_REQUESTED"}, []string{"payment ref ix_status_time"}},
		"captures under way": {fmt.Sprintf(sqlUnderWay, "requested_at", "`ix_status_time`"), args{"CAPTURE_REQUESTED", now, now, 100}, []string{"payment range ix_status_time"}},
		"refunds under way":  {fmt.Sprintf(sqlUnderWay, "updated_at", "`ix_status_time`"), args{"REFUND_REQUESTED", now, now, 100}, []string{"payment range ix_status_time"}},
		"requests of":        {fmt.Sprintf(sqlRequestsOf, "settlement_request", forced("ix_payment"), "?, ?"), args{7, 8}, []string{"settlement_request range ix_payment"}},
		"the last request":   {fmt.Sprintf(sqlLastRequest, "refund_request", "`PRIMARY`"), nil, []string{"refund_request index PRIMARY 1"}},
		"the first request":  {fmt.Sprintf(sqlFirstRequest, "refund_request", "`PRIMARY`"), nil, []string{"refund_request range PRIMARY"}},
		"the newest begin":   {fmt.Sprintf(sqlNthRequest, "settlement_request", "`PRIMARY`"), args{20000, 10000}, []string{"settlement_request range PRIMARY"}},
		"requests since":     {fmt.Sprintf(sqlServed, "settlement_request", "`PRIMARY`", "`PRIMARY`"), args{19000, hour, hour}, []string{"p eq_ref PRIMARY", "s range PRIMARY"}},
		"several requests":   {fmt.Sprintf(sqlTwice, "settlement_request", "`PRIMARY`", "`ix_payment`"), args{19000, 10}, []string{"o ref ix_payment", "s range PRIMARY"}},
		"several, together":  {fmt.Sprintf(sqlTwiceTogether, "settlement_request", "`ix_payment`"), args{15000, 20000, 19000, 10}, []string{"settlement_request range ix_payment"}},
		"payments of newest": {fmt.Sprintf(sqlPaymentsSpan, "settlement_request", "`PRIMARY`"), args{19000}, []string{"settlement_request range PRIMARY"}},
		"several, no index":  {fmt.Sprintf(sqlTwiceAmongNewest, "settlement_request", "`PRIMARY`"), args{19000, 10}, []string{"settlement_request range PRIMARY"}},
		"unfit requests": {fmt.Sprintf(sqlUnfit, "settlement_request", "request_amount", "`PRIMARY`", "'CAPTURED'"), args{19000, 10},
			[]string{"p eq_ref PRIMARY", "s range PRIMARY"}},
		"refunded without": {fmt.Sprintf(sqlRefundedWithout, "`ix_status_time`", "`ix_payment`"), args{100, 10},
			[]string{"payment ref ix_status_time", "r ref ix_payment"}},
		"failed without": {fmt.Sprintf(sqlFailedWithout, "`ix_status_time`", "settlement_request", "`ix_payment`", "`PRIMARY`", "requested_at"), args{"CAPTURE_FAILED", hour, 100, hour, now, now, 10},
			[]string{"p eq_ref PRIMARY", "payment range ix_status_time", "r ref ix_payment"}},
		"still without": {fmt.Sprintf(sqlStillWithout, "`PRIMARY`", "settlement_request", "`ix_payment`", "?, ?", "requested_at"), args{7, 8, "CAPTURE_FAILED", hour, now},
			[]string{"p range PRIMARY", "r ref ix_payment"}},
		"starts that wait": {fillIndex(sqlWaitingStarts, "ix_pub_created"), args{"PAYMENT_CAPTURE_REQUESTED", 10}, []string{"outbox_event ref ix_pub_created"}},
		"event of":         {fillIndex(sqlEventOf, "ix_pub_created"), args{hour, hour, 7, "PAYMENT_AUTHORIZED"}, []string{"outbox_event range ix_pub_created"}},

		"requests of one payment":  {fmt.Sprintf(sqlRequestsWhole, "refund_request", "refund_amount", forced("ix_payment")), args{7, 10}, []string{"refund_request ref ix_payment"}},
		"events around a moment":   {fillIndex(sqlEventsAround, "ix_pub_created"), args{hour, hour, 7, 10}, []string{"outbox_event range ix_pub_created"}},
		"how many lie between":     {fillIndex(sqlEventsBetween, "ix_pub_created"), args{hour, hour, 10}, []string{"outbox_event range ix_pub_created"}},
		"the newest between":       {fmt.Sprintf(sqlNewestBetween, "`ix_pub_created`"), args{hour, hour, 10, hour, hour, 10, 10}, []string{"outbox_event range ix_pub_created", "outbox_event range ix_pub_created"}},
		"its events that wait":     {fillIndex(sqlEventsThatWait, "ix_pub_created"), args{100, 7, 10}, []string{"outbox_event ref ix_pub_created"}},
		"its events, no index":     {fillIndex(sqlEventsAmongNewest, "PRIMARY"), args{39000, 7, 10}, []string{"outbox_event range PRIMARY"}},
		"the oldest one, no index": {fillIndex(sqlPublishedFirstOf, "PRIMARY"), args{39000}, []string{"outbox_event range PRIMARY"}},
		"its record":               {fmt.Sprintf(sqlRecordOf, "`PRIMARY`", "merchant_id IN (?) AND idempotency_key IN (?)"), args{"MERCHANT-8", "fill-4"}, []string{"idem_response_cache const PRIMARY"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, s := range explain(t, db.Shards[0], x.query, x.args...) {
				if strings.HasPrefix(s.table, "<") || s.table == "NULL" {
					continue // of our own making
				}
				text := s.table + " " + s.access + " " + s.key
				if s.access == "index" { // from one end, for as many rows as are wanted
					text += " " + s.rows
				}
				got = append(got, text)
			}
			slices.Sort(got) // which of two derived tables comes first says nothing
			if !slices.Equal(got, x.want) {
				t.Errorf("the plan is\n%s\nwant\n%s\n%s", strings.Join(got, "\n"), strings.Join(x.want, "\n"), x.query)
			}
		})
	}
}
