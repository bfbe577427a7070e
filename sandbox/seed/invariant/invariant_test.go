package invariant_test

import (
	"strconv"
	"strings"
	"testing"

	"payops-mcp/sandbox/seed"
	"payops-mcp/sandbox/seed/invariant"
	"payops-mcp/sandbox/stack"
	"payops-mcp/sandbox/stack/stacktest"
)

// Each statement that looks for violations must find the one it is there for:
// a check that finds nothing anywhere proves nothing.
func TestEachStatementFindsItsViolation(t *testing.T) {
	s := stacktest.Fresh(t, stack.Options{
		Parts: stack.PartMariaDB, Shards: 1, KeepFresh: -1,
		Seed: &seed.Options{Payments: 400, Seed: 5},
	})
	admin := s.Shards[0].Admin()
	if got, err := invariant.Check(t.Context(), s.Databases()); err != nil || len(got) != 0 {
		t.Fatalf("seeded data: %v (%v)", got, err)
	}

	captured := s.Plan.Find(seed.Filter{Statuses: []string{seed.Captured}}, 20)
	id := captured[5].ID
	cases := []struct{ statement, damage string }{
		{"Q1 postings against status", "UPDATE ledger_entry SET amount=amount+1 WHERE payment_id=@id"},
		{"Q3 postings above the last payment", "SET foreign_key_checks=0; INSERT INTO ledger_entry (payment_id,debit_account,credit_account,amount) VALUES (999999999,'a','b',1)"},
		{"Q3 postings without a payment", "SET foreign_key_checks=0; DELETE FROM payment WHERE payment_id=@id"},
		{"Q4 payments against settlements", "DELETE FROM settlement_request WHERE payment_id=@id; DELETE FROM outbox_event WHERE aggregate_id=@id AND event_type='PAYMENT_CAPTURED'"},
		{"Q4 settlements against payments", "UPDATE settlement_request SET request_amount=request_amount+1 WHERE payment_id=(SELECT payment_id FROM settlement_request WHERE status='SUCCESS' LIMIT 1)"},
		{"Q5 refunds against payments", "UPDATE refund_request SET refund_amount=refund_amount*2 WHERE status='SUCCESS' LIMIT 1"},
		{"Q5 refunded payments without a refund", "DELETE FROM refund_request WHERE status='SUCCESS' LIMIT 1"},
		{"Q6 starved settlements", "UPDATE settlement_request SET retry_count=0, last_retry_at=NULL WHERE status='FAILED' LIMIT 1"},
		{"Q6 starved refunds", "INSERT INTO refund_request (payment_id,refund_amount,status,requested_at) VALUES (@id,1,'FAILED',NOW(3)-INTERVAL 1 HOUR)"},
		{"Q6 dead settlements", "UPDATE settlement_request SET retry_count=10 WHERE status='FAILED' LIMIT 1"},
		{"Q6 stuck captures", "UPDATE payment SET status='CAPTURE_REQUESTED' WHERE payment_id=@id"},
		{"Q6 stuck refunds", "UPDATE payment SET status='REFUND_REQUESTED', updated_at=NOW(3)-INTERVAL 1 HOUR WHERE payment_id=@id"},
		{"Q6 pending requests", "UPDATE settlement_request SET status='PENDING' WHERE status='FAILED' LIMIT 1"},
		{"Q7 events that wait too long", "UPDATE outbox_event SET published=0, published_at=NULL WHERE aggregate_id=@id"},
		{"Q7 published without a time, or the reverse", "UPDATE outbox_event SET published_at=NULL WHERE aggregate_id=@id"},
		{"Q7 unknown types of event", "UPDATE outbox_event SET event_type='PAYMENT_SETTLED' WHERE aggregate_id=@id LIMIT 1"},
		{"Q8 payments without their events", "DELETE FROM outbox_event WHERE aggregate_id=@id AND event_type='PAYMENT_AUTHORIZED'"},
		{"Q10 payments without a cached answer", "DELETE c FROM idem_response_cache c JOIN payment p USING(merchant_id,idempotency_key) WHERE p.payment_id=@id"},
		{"Q10 cached answers without their payment", "UPDATE idem_response_cache SET response_body=JSON_SET(response_body,'$.amount',1) LIMIT 1"},
		{"time the future", "UPDATE payment SET updated_at=NOW(3)+INTERVAL 1 HOUR WHERE payment_id=@id"},
		{"time the wrong order", "UPDATE payment SET updated_at=requested_at-INTERVAL 1 SECOND WHERE payment_id=@id"},
		{"lock held too long", "UPDATE shedlock SET lock_until=NOW(3)+INTERVAL 6 HOUR"},
	}
	tested := map[string]bool{"Q4 payments against settlements": true}
	for _, c := range cases {
		tested[c.statement] = true
		t.Run(c.statement, func(t *testing.T) {
			conn, err := admin.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			// One transaction, rolled back: the next case starts healthy.
			if _, err := conn.ExecContext(t.Context(), "SET @id="+strconv.FormatInt(id, 10)+"; START TRANSACTION; "+c.damage); err != nil {
				t.Fatal(err)
			}
			got, err := invariant.CheckConn(t.Context(), conn, 1)
			if _, e := conn.ExecContext(t.Context(), "ROLLBACK; SET foreign_key_checks=1"); e != nil {
				t.Fatal(e)
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range got {
				if v.Statement == c.statement {
					return
				}
			}
			t.Errorf("not found; only %v", got)
		})
	}
	for _, s := range invariant.Statements {
		if s.Violations && !tested[s.Name] {
			t.Errorf("no case breaks the data for %q", s.Name)
		}
	}
}

func TestMisplacedMerchantIsFound(t *testing.T) {
	s := stacktest.Fresh(t, stack.Options{Parts: stack.PartMariaDB, KeepFresh: -1, Seed: &seed.Options{Payments: 100}})
	if _, err := s.Shards[0].App().ExecContext(t.Context(), "UPDATE payment SET merchant_id='MERCHANT-7' ORDER BY payment_id LIMIT 1"); err != nil {
		t.Fatal(err)
	}
	got, err := invariant.Check(t.Context(), s.Databases())
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range got {
		if strings.HasPrefix(v.Statement, "Q9") && v.Shard == 1 && v.Row[0] == "MERCHANT-7" {
			return
		}
	}
	t.Errorf("not found in %v", got)
}
