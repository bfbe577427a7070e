package diagnose_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"payops-mcp/dbquery-mcp/internal/diagnose"
	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/shared/catalog"
)

// refusedRequests are n failed requests, one a second from some time ago on.
func refusedRequests(n int, since time.Duration, retries int64, last time.Duration) (all []paydb.GatewayRequest) {
	for i := range n {
		r := paydb.GatewayRequest{ID: int64(100 + i), PaymentID: int64(7000 + i), Merchant: "M-2", Amount: "1500", Currency: "KRW", PaymentStatus: "CAPTURE_FAILED",
			Retries: retries, Requested: ago(since - time.Duration(i)*time.Second), Code: "PG_TIMEOUT"}
		if last > 0 {
			r.LastRetry = ago(last)
		}
		all = append(all, r)
	}
	return all
}

// slotsOf are an hour of minutes with as many failed and succeeded in each.
func slotsOf(fill func(minute int) (failed, succeeded int64)) paydb.Slots {
	s := paydb.Slots{From: ago(time.Hour), Width: time.Minute, Complete: ago(time.Hour), Failed: make([]int64, 61), Succeed: make([]int64, 61)}
	for i := range s.Failed {
		s.Failed[i], s.Succeed[i] = fill(i)
	}
	return s
}

func underWay(id int64, since time.Duration, requests int, event paydb.EventState) paydb.UnderWay {
	return paydb.UnderWay{Payment: paydb.Payment{ID: id, Shard: "shard1", Merchant: "M-2", Amount: "1500", Currency: "KRW"}, Since: ago(since), Requests: requests, Event: event}
}

func TestJudgeRequests(t *testing.T) {
	const minute = time.Minute
	for name, x := range map[string]struct {
		kind  paydb.RequestKind
		facts paydb.Gateway
		want  string
		says  []string
	}{
		"nothing":            {kind: paydb.Settlements},
		"failed just now":    {kind: paydb.Settlements, facts: paydb.Gateway{Failed: refusedRequests(3, 80*time.Second, 0, 0)}},
		"being retried":      {kind: paydb.Settlements, facts: paydb.Gateway{Failed: refusedRequests(30, 48*time.Hour, 4, minute)}},
		"never retried":      {kind: paydb.Settlements, facts: paydb.Gateway{Failed: refusedRequests(12, 2*time.Hour, 0, 0)}, want: "SETTLEMENT_RETRY_STARVED high", says: []string{"12 settlements failed and were never retried", "KRW 18000", `"PG_TIMEOUT" 12`, "2h0m0s ago"}},
		"counted, not tried": {kind: paydb.Settlements, facts: paydb.Gateway{Failed: refusedRequests(2, 2*time.Hour, 3, 0)}, want: "SETTLEMENT_RETRY_STARVED high", says: []string{"2 settlements", "retry_count 3"}},
		"refunds, too":       {kind: paydb.Refunds, facts: paydb.Gateway{Failed: refusedRequests(12, 2*time.Hour, 0, 0)}, want: "REFUND_RETRY_STARVED high", says: []string{"12 refunds", "reconciliation_check"}},
		"no longer":          {kind: paydb.Settlements, facts: paydb.Gateway{Failed: refusedRequests(2, 2*time.Hour, 3, 6*minute)}, want: "SETTLEMENT_RETRY_STARVED high", says: []string{"the retries have stopped"}},
		"ten times":          {kind: paydb.Settlements, facts: paydb.Gateway{Failed: refusedRequests(9, 2*time.Hour, 10, time.Hour)}, want: "SETTLEMENT_DEAD_LETTER high", says: []string{"10 times of 10", "100 (payment 7000)"}},
		"ten times refund":   {kind: paydb.Refunds, facts: paydb.Gateway{Failed: refusedRequests(4, 2*time.Hour, 11, time.Hour)}, want: "REFUND_DEAD_LETTER high"},
		"more than were looked at": {kind: paydb.Settlements, facts: paydb.Gateway{Failed: refusedRequests(12, 2*time.Hour, 0, 0), FailedCut: true}, want: "SETTLEMENT_RETRY_STARVED high",
			says: []string{"at least 12 settlements"}},

		"a pending refund of a payment that waits for none": {kind: paydb.Refunds, facts: paydb.Gateway{Pending: refusedRequests(1, 3*time.Hour, 0, 0)}, want: "REFUND_STUCK high", says: []string{"1 refund PENDING", "3h0m0s ago"}},
		"pending": {kind: paydb.Settlements, facts: paydb.Gateway{Pending: refusedRequests(1, 3*time.Hour, 0, 0)}, want: "SETTLEMENT_PENDING_STUCK high", says: []string{"3h0m0s ago", "healthy code never commits PENDING"}},

		"a quarter of an hour of failures": {kind: paydb.Settlements, facts: paydb.Gateway{Failed: refusedRequests(180, 14*minute, 1, time.Second), Slots: slotsOf(func(m int) (int64, int64) {
			if m >= 46 {
				return 12, 1
			}
			return 0, 10
		})}, want: "SETTLEMENT_FAILURE_SPIKE high", says: []string{"92%", "usual none", "goes on", "began 2026-03-01T11:46:00Z"}},
		"failures where one in five hundred is usual": {kind: paydb.Settlements, facts: paydb.Gateway{Failed: refusedRequests(180, 14*minute, 1, time.Second), Slots: slotsOf(func(m int) (int64, int64) {
			switch {
			case m >= 46:
				return 12, 1
			case m%10 == 0:
				return 1, 49
			}
			return 0, 50
		})}, want: "SETTLEMENT_FAILURE_SPIKE high", says: []string{"usual 0.2%"}},
		"nothing but failures": {kind: paydb.Settlements, facts: paydb.Gateway{Failed: refusedRequests(180, 14*minute, 1, time.Second), Slots: slotsOf(func(int) (int64, int64) { return 12, 0 })},
			want: "SETTLEMENT_FAILURE_SPIKE high", says: []string{"100%, there were no others"}},
		"failures that ended": {kind: paydb.Settlements, facts: paydb.Gateway{Failed: refusedRequests(100, 50*minute, 1, time.Second), Slots: slotsOf(func(m int) (int64, int64) {
			if m >= 10 && m < 20 {
				return 10, 0
			}
			return 0, 5
		})}, want: "SETTLEMENT_FAILURE_SPIKE high", says: []string{"100 of 100", "ended 2026-03-01T11:20:00Z"}},
		"the usual five percent": {kind: paydb.Settlements, facts: paydb.Gateway{Slots: slotsOf(func(m int) (int64, int64) { return 1, 19 })}},
		"few requests, some fail": {kind: paydb.Settlements, facts: paydb.Gateway{Slots: slotsOf(func(m int) (int64, int64) {
			if m%6 == 0 {
				return 1, 1
			}
			return 0, 0
		})}},
		"ten of fifty by chance": {kind: paydb.Settlements, facts: paydb.Gateway{Slots: slotsOf(func(m int) (int64, int64) {
			if m == 30 {
				return 10, 40
			}
			return 0, 0
		})}},

		// The worker works, and some were left out.
		"passed over": {kind: paydb.Settlements, facts: paydb.Gateway{Served: 200, UnderWay: []paydb.UnderWay{underWay(7, 25*minute, 0, paydb.EventPublished)}},
			want: "CONSUMER_MESSAGE_DROPPED high, SETTLEMENT_MISSING high", says: []string{"1 event published to the settlement worker came to nothing", "200 settlements of payments requested well after", "inspect_consumer_lag"}},
		"the worker stands": {kind: paydb.Settlements, facts: paydb.Gateway{UnderWay: []paydb.UnderWay{underWay(7, 25*minute, 0, paydb.EventPublished), underWay(8, 20*minute, 0, paydb.EventPublished)}},
			want: "SETTLEMENT_MISSING high", says: []string{"event published: 2", "check_kafka_health"}},
		"one of six partitions stands":                  {kind: paydb.Settlements, facts: paydb.Gateway{Served: 50, UnderWay: slices.Repeat([]paydb.UnderWay{underWay(7, 25*minute, 0, paydb.EventPublished)}, 10)}, want: "SETTLEMENT_MISSING high"},
		"one of six partitions stands, of one merchant": {kind: paydb.Settlements, facts: paydb.Gateway{Served: 50, Others: 9, UnderWay: []paydb.UnderWay{underWay(7, 25*minute, 0, paydb.EventPublished)}}, want: "SETTLEMENT_MISSING high"},
		"they are in the outbox":                        {kind: paydb.Settlements, facts: paydb.Gateway{Served: 200, UnderWay: []paydb.UnderWay{underWay(7, 25*minute, 0, paydb.EventWaits)}}, want: "SETTLEMENT_MISSING high", says: []string{"check_outbox_status"}},
		"they have a request":                           {kind: paydb.Settlements, facts: paydb.Gateway{UnderWay: []paydb.UnderWay{underWay(7, 25*minute, 1, paydb.EventNotLooked)}}},

		"refunds that nobody took": {kind: paydb.Refunds, facts: paydb.Gateway{UnderWay: []paydb.UnderWay{underWay(7, 25*minute, 0, paydb.EventPublished), underWay(9, 25*minute, 0, paydb.EventPublished)}},
			want: "REFUND_STUCK high", says: []string{"payment 7, 9", "25m0s"}},
		"refunds in the outbox": {kind: paydb.Refunds, facts: paydb.Gateway{UnderWay: []paydb.UnderWay{underWay(7, 25*minute, 0, paydb.EventWaits)}}, want: "REFUND_STUCK low", says: []string{"check_outbox_status"}},
		"a refund that is pending": {kind: paydb.Refunds, facts: paydb.Gateway{Pending: []paydb.GatewayRequest{{PaymentID: 7, Requested: ago(time.Hour)}}, UnderWay: []paydb.UnderWay{underWay(7, 25*minute, 1, paydb.EventPublished)}},
			want: "REFUND_STUCK high"},
	} {
		t.Run(name, func(t *testing.T) {
			x.facts.Whole = true
			r := diagnose.Requests{Shards: diagnose.Shards{Asked: []paydb.Asked{answered(1)}}, Kind: x.kind, Zone: time.UTC, Found: []paydb.Reply[paydb.Gateway]{{Asked: answered(1), Facts: x.facts}}}
			found, ran := diagnose.JudgeRequests(r)
			codes, text := told(found)
			if codes != x.want {
				t.Errorf("found %s, want %s\n%s", codes, x.want, text)
			}
			for _, want := range x.says {
				if !strings.Contains(text, want) {
					t.Errorf("it does not say %q:\n%s", want, text)
				}
			}
			if len(ran) == 0 {
				t.Error("nothing is ruled out though all was seen")
			}
			for _, f := range found {
				if len(f.Evidence) == 0 || len(f.Next) == 0 {
					t.Errorf("%s has %d pieces of evidence and %d next steps", f.Code, len(f.Evidence), len(f.Next))
				}
			}
		})
	}
}

// Requests of both shards count as one gateway's, and one shard is not enough to
// rule anything out.
func TestRequestsOfTwoShards(t *testing.T) {
	six := func(n int) paydb.Reply[paydb.Gateway] {
		return paydb.Reply[paydb.Gateway]{Asked: answered(n), Facts: paydb.Gateway{Whole: true, Slots: slotsOf(func(m int) (int64, int64) {
			if m >= 50 {
				return 1, 0
			}
			return 0, 3
		})}}
	}
	r := diagnose.Requests{Shards: diagnose.Shards{Asked: []paydb.Asked{answered(1), answered(2)}}, Kind: paydb.Settlements, Zone: time.UTC, Found: []paydb.Reply[paydb.Gateway]{six(1), six(2)}}
	if s := r.Spikes(); len(s) != 1 || s[0].Failed != 22 {
		t.Errorf("spikes %+v, want one of 22", s)
	}
	r.Asked[1] = failed(2, "timeout", paydb.Asking, 1969)
	r.Found[1] = paydb.Reply[paydb.Gateway]{Asked: r.Asked[1]}
	if _, ran := diagnose.JudgeRequests(r); len(ran) > 0 {
		t.Errorf("with a shard missing, %v is ruled out", ran)
	}
}

// The rules of the reconciliation judge payments whose requests do not fit them.
func TestRequestsThatDoNotFit(t *testing.T) {
	amount := paydb.Money{Whole: 1500}
	book := func(status string, change func(*paydb.Books)) paydb.Exception {
		b := paydb.Books{ID: 7, Status: status, Currency: "KRW", Amount: amount, Captures: paydb.TallyOf(1, amount)}
		change(&b)
		return paydb.Exception{Books: b, Merchant: "M-2", UpdatedAt: ago(time.Hour)}
	}
	done := paydb.Requests{N: 1, Succeeded: paydb.TallyOf(1, amount)}
	for name, x := range map[string]struct {
		kind paydb.RequestKind
		e    paydb.Exception
		want catalog.Code
	}{
		"settled, and nobody noticed": {paydb.Settlements, book("CAPTURE_REQUESTED", func(b *paydb.Books) { b.Settlements = done }), catalog.SettlementStatusConflict},
		"settled with another amount": {paydb.Settlements, book("CAPTURED", func(b *paydb.Books) { b.Settlements = done; b.Settlements.Off = true }), catalog.SettlementAmountMismatch},
		"two settlements":             {paydb.Settlements, book("CAPTURE_REQUESTED", func(b *paydb.Books) { b.Settlements = paydb.Requests{N: 2} }), catalog.SettlementDuplicate},
		"refunded and failed":         {paydb.Refunds, book("REFUND_FAILED", func(b *paydb.Books) { b.Settlements, b.Refunds = done, done }), catalog.RefundStatusConflict},
		"refunded without a refund":   {paydb.Refunds, book("REFUNDED", func(b *paydb.Books) { b.Settlements = done }), catalog.RefundStatusConflict},
		"refunded twice":              {paydb.Refunds, book("REFUNDED", func(b *paydb.Books) { b.Refunds = paydb.Requests{N: 2, Succeeded: paydb.TallyOf(2, amount)} }), catalog.RefundDuplicateSuccess},
		"refunded too much": {paydb.Refunds, book("REFUNDED", func(b *paydb.Books) {
			b.Refunds = paydb.Requests{N: 1, Succeeded: paydb.TallyOf(1, paydb.Money{Whole: 1501})}
		}), catalog.RefundExceedsPayment},
		"all is well":      {paydb.Settlements, book("CAPTURED", func(b *paydb.Books) { b.Settlements = done }), ""},
		"changed just now": {paydb.Settlements, book("CAPTURE_REQUESTED", func(b *paydb.Books) { b.Settlements, b.Young = done, true }), ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := diagnose.Requests{Shards: diagnose.Shards{Asked: []paydb.Asked{answered(1)}}, Kind: x.kind, Zone: time.UTC,
				Found: []paydb.Reply[paydb.Gateway]{{Asked: answered(1)}}, Books: []paydb.Reply[[]paydb.Exception]{{Asked: answered(1), Facts: []paydb.Exception{x.e}}}}
			found, _ := diagnose.JudgeRequests(r)
			if x.want == "" && len(found) == 0 {
				return
			}
			if len(found) != 1 || found[0].Code != x.want {
				codes, text := told(found)
				t.Errorf("found %s, want %s\n%s", codes, x.want, text)
			}
		})
	}
}
