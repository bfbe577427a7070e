package diagnose

import (
	"slices"
	"strings"
	"testing"
	"time"

	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/report"
)

func units(n int64) paydb.Money { return paydb.Money{Whole: n} }

// times is n postings of an amount.
func times(n int, amount int64) paydb.Tally {
	return paydb.TallyOf(n, units(int64(n)*amount))
}

// did is n requests of which some succeeded, with the payment's amount.
func did(n, succeeded int, sum int64) paydb.Requests {
	return paydb.Requests{N: int32(n), Succeeded: paydb.TallyOf(succeeded, units(sum))}
}

func TestBooks(t *testing.T) {
	refundedOnce := did(1, 1, 1000)
	for name, x := range map[string]struct {
		books paydb.Books
		want  []catalog.Code
	}{
		"captured":                      {paydb.Books{Status: "CAPTURED", Captures: times(1, 1000), Settlements: did(1, 1, 1000)}, nil},
		"captured directly":             {paydb.Books{Status: "CAPTURED", Captures: times(1, 1000)}, nil},
		"refund asked for":              {paydb.Books{Status: "REFUND_REQUESTED", Captures: times(1, 1000), Refunds: did(1, 0, 0)}, nil},
		"refund failed":                 {paydb.Books{Status: "REFUND_FAILED", Captures: times(1, 1000), Refunds: did(2, 0, 0)}, nil},
		"refunded":                      {paydb.Books{Status: "REFUNDED", Captures: times(1, 1000), Reversals: times(1, 1000), Refunds: refundedOnce}, nil},
		"refunded in part":              {paydb.Books{Status: "PARTIAL_REFUNDED", Captures: times(1, 1000), Reversals: times(2, 300), Refunds: did(2, 2, 600)}, nil},
		"asked for":                     {paydb.Books{Status: "CAPTURE_REQUESTED"}, nil},
		"failed":                        {paydb.Books{Status: "CAPTURE_FAILED", Settlements: did(1, 0, 0)}, nil},
		"a status that nobody knows":    {paydb.Books{Status: "CHARGED_BACK", Captures: times(3, 1)}, nil},
		"no capture":                    {paydb.Books{Status: "CAPTURED"}, []catalog.Code{catalog.LedgerCaptureMissing}},
		"captured twice":                {paydb.Books{Status: "CAPTURED", Captures: times(2, 1000)}, []catalog.Code{catalog.LedgerCaptureDuplicate}},
		"captured with more":            {paydb.Books{Status: "CAPTURED", Captures: times(1, 1001)}, []catalog.Code{catalog.LedgerAmountMismatch}},
		"the wrong way round":           {paydb.Books{Status: "CAPTURED", Reversals: times(1, 1000)}, []catalog.Code{catalog.LedgerDirectionReversed}},
		"reversed without being":        {paydb.Books{Status: "CAPTURED", Captures: times(1, 1000), Reversals: times(1, 1000)}, []catalog.Code{catalog.LedgerUnexpectedForStatus}},
		"to another account":            {paydb.Books{Status: "CAPTURED", Others: times(1, 1000)}, []catalog.Code{catalog.LedgerUnknownAccount}},
		"and to another account":        {paydb.Books{Status: "CAPTURED", Captures: times(1, 1000), Others: times(1, 1000)}, []catalog.Code{catalog.LedgerUnknownAccount}},
		"no reversal":                   {paydb.Books{Status: "REFUNDED", Captures: times(1, 1000), Refunds: refundedOnce}, []catalog.Code{catalog.LedgerReversalMissing}},
		"reversed twice":                {paydb.Books{Status: "REFUNDED", Captures: times(1, 1000), Reversals: times(2, 1000), Refunds: refundedOnce}, []catalog.Code{catalog.LedgerReversalDuplicate}},
		"reversed with less":            {paydb.Books{Status: "REFUNDED", Captures: times(1, 1000), Reversals: times(1, 999), Refunds: refundedOnce}, []catalog.Code{catalog.LedgerAmountMismatch}},
		"reversed and not captured":     {paydb.Books{Status: "REFUNDED", Reversals: times(1, 1000), Refunds: refundedOnce}, []catalog.Code{catalog.LedgerReversalWithoutCapture}},
		"neither of the two":            {paydb.Books{Status: "REFUNDED", Refunds: refundedOnce}, []catalog.Code{catalog.LedgerCaptureMissing, catalog.LedgerReversalMissing}},
		"reversed in full, says part":   {paydb.Books{Status: "PARTIAL_REFUNDED", Captures: times(1, 1000), Reversals: times(1, 1000), Refunds: did(1, 1, 1000)}, []catalog.Code{catalog.LedgerAmountMismatch, catalog.RefundStatusConflict}},
		"a part, and less reversed":     {paydb.Books{Status: "PARTIAL_REFUNDED", Captures: times(1, 1000), Reversals: times(1, 300), Refunds: did(2, 2, 600)}, []catalog.Code{catalog.LedgerAmountMismatch}},
		"a part, and reversed twice":    {paydb.Books{Status: "PARTIAL_REFUNDED", Captures: times(1, 1000), Reversals: times(2, 300), Refunds: did(1, 1, 300)}, []catalog.Code{catalog.LedgerAmountMismatch}},
		"a part, and nothing reversed":  {paydb.Books{Status: "PARTIAL_REFUNDED", Captures: times(1, 1000), Refunds: did(1, 1, 300)}, []catalog.Code{catalog.LedgerReversalMissing}},
		"a part, without a refund":      {paydb.Books{Status: "PARTIAL_REFUNDED", Captures: times(1, 1000), Reversals: times(1, 300)}, []catalog.Code{catalog.RefundStatusConflict}},
		"cancelled in another part":     {paydb.Books{Status: "CANCELLED", Captures: times(1, 1000), Reversals: times(1, 400), Refunds: did(1, 1, 500)}, []catalog.Code{catalog.LedgerAmountMismatch}},
		"captured, and nothing says so": {paydb.Books{Status: "CAPTURED", Captures: times(1, 1000), NoEvent: true}, []catalog.Code{catalog.CaptureEvidenceMissing}},
		"settled after all":             {paydb.Books{Status: "CAPTURED", Captures: times(1, 1000), NoEvent: true, Settlements: did(1, 1, 1000)}, nil},
		"refunded, and never captured":  {paydb.Books{Status: "REFUNDED", Captures: times(1, 1000), Reversals: times(1, 1000), Refunds: refundedOnce, NoEvent: true}, []catalog.Code{catalog.CaptureEvidenceMissing}},
		"asked for, without an event":   {paydb.Books{Status: "CAPTURE_REQUESTED", NoEvent: true}, nil},
		"posted before its capture":     {paydb.Books{Status: "CAPTURE_REQUESTED", Captures: times(1, 1000)}, []catalog.Code{catalog.LedgerUnexpectedForStatus}},
		"posted though failed":          {paydb.Books{Status: "CAPTURE_FAILED", Captures: times(1, 1000), Settlements: did(1, 0, 0)}, []catalog.Code{catalog.LedgerUnexpectedForStatus}},
		"nobody's":                      {paydb.Books{Orphan: true, Captures: times(1, 1000)}, []catalog.Code{catalog.LedgerOrphanEntry}},
		"captured at the gateway alone": {paydb.Books{Status: "CAPTURE_REQUESTED", Settlements: did(1, 1, 1000)}, []catalog.Code{catalog.SettlementStatusConflict}},
		"settled twice":                 {paydb.Books{Status: "CAPTURED", Captures: times(1, 1000), Settlements: did(2, 1, 1000)}, []catalog.Code{catalog.SettlementDuplicate}},
		"settled with another amount":   {paydb.Books{Status: "CAPTURED", Captures: times(1, 1000), Settlements: paydb.Requests{N: 1, Succeeded: paydb.TallyOf(1, units(900)), Off: true}}, []catalog.Code{catalog.SettlementAmountMismatch}},
		"refunded at the gateway alone": {paydb.Books{Status: "REFUND_FAILED", Captures: times(1, 1000), Refunds: refundedOnce}, []catalog.Code{catalog.RefundStatusConflict}},
		"refunded without a refund":     {paydb.Books{Status: "REFUNDED", Captures: times(1, 1000), Reversals: times(1, 1000)}, []catalog.Code{catalog.RefundStatusConflict}},
		"refunded by half":              {paydb.Books{Status: "REFUNDED", Captures: times(1, 1000), Reversals: times(1, 1000), Refunds: did(1, 1, 500)}, []catalog.Code{catalog.RefundStatusConflict}},
		"completed, never captured":     {paydb.Books{Status: "COMPLETED"}, nil},
		"completed and captured":        {paydb.Books{Status: "COMPLETED", Captures: times(1, 1000), Settlements: did(1, 1, 1000)}, nil},
		"completed and not posted":      {paydb.Books{Status: "COMPLETED", Settlements: did(1, 1, 1000)}, []catalog.Code{catalog.LedgerCaptureMissing}},
		"completed and captured twice":  {paydb.Books{Status: "COMPLETED", Captures: times(2, 1000)}, []catalog.Code{catalog.LedgerCaptureDuplicate}},
		"cancelled and given back":      {paydb.Books{Status: "CANCELLED", Captures: times(1, 1000), Reversals: times(1, 1000), Refunds: refundedOnce}, nil},
		"cancelled and not reversed":    {paydb.Books{Status: "CANCELLED", Captures: times(1, 1000), Refunds: refundedOnce}, []catalog.Code{catalog.LedgerReversalMissing}},
		"cancelled in part":             {paydb.Books{Status: "CANCELLED", Captures: times(1, 1000), Reversals: times(1, 400), Refunds: did(1, 1, 400)}, nil},
		"refunded twice": {paydb.Books{Status: "REFUNDED", Captures: times(1, 1000), Reversals: times(1, 1000), Refunds: did(2, 2, 2000)},
			[]catalog.Code{catalog.RefundExceedsPayment, catalog.RefundDuplicateSuccess}},
	} {
		t.Run(name, func(t *testing.T) {
			x.books.Amount = units(1000)
			got := codesOf(Against(paydb.Checks{Settlements: true, Refunds: true})(&x.books))
			if !slices.Equal(got, x.want) {
				t.Errorf("found %v, want %v", got, x.want)
			}
		})
	}
}

// Where refund requests are not read, nothing is said of their absence.
func TestOnlyWhatWasReadIsJudged(t *testing.T) {
	b := paydb.Books{Status: "REFUNDED", Amount: units(1000), Captures: times(1, 1000), Reversals: times(1, 1000)}
	if got := codesOf(Against(paydb.Checks{})(&b)); len(got) > 0 {
		t.Errorf("found %v", got)
	}
}

// found is an exception with one posting for each that it names.
func found(id int64, status string, amount int64, entries ...paydb.Entry) paydb.Exception {
	e := paydb.Exception{Books: paydb.Books{ID: id, Status: status, Currency: "KRW", Amount: units(amount)}, Merchant: "M-7", Entries: entries,
		UpdatedAt: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	if status == "" {
		e.Books = paydb.Books{ID: id, Orphan: true}
	}
	for _, x := range entries {
		p := &e.Captures
		if capture, _ := x.Is(); !capture {
			p = &e.Reversals
		}
		*p = p.Plus(x.Amount)
	}
	e.Wrong = Books(&e.Books)
	return e
}

func captureOf(id, amount int64) paydb.Entry {
	return paydb.Entry{ID: id, Debit: "merchant_receivable", Credit: "cash", Amount: units(amount)}
}

func reversalOf(id, amount int64) paydb.Entry {
	return paydb.Entry{ID: id, Debit: "cash", Credit: "merchant_receivable", Amount: units(amount)}
}

// reconciled are two shards with exceptions, and what is right under their ids.
func reconciled(first, second []paydb.Exception) Reconciliation {
	r := Reconciliation{Checks: paydb.Checks{Settlements: true, Refunds: true}}
	for i, exceptions := range [][]paydb.Exception{first, second} {
		name := []string{"shard1", "shard2"}[i]
		r.Asked = append(r.Asked, paydb.Asked{Shard: name, Source: fault.Source{Name: "payment-db " + name}})
		r.Done = append(r.Done, paydb.Reconciled{End: paydb.Mark{Done: true}, Payments: 10, Exceptions: exceptions})
	}
	return r
}

func codesIn(all []report.Finding) (codes []catalog.Code) {
	for _, f := range all {
		codes = append(codes, f.Code)
	}
	slices.Sort(codes)
	return codes
}

func TestAPostingOnTheWrongShardIsPaired(t *testing.T) {
	own := found(4711, "CAPTURED", 12_000, captureOf(1, 12_000))
	owed := found(4711, "CAPTURED", 90_000)
	for name, x := range map[string]struct {
		r    Reconciliation
		want []catalog.Code
	}{
		"beside the payment's own": {reconciled([]paydb.Exception{found(4711, "CAPTURED", 12_000, captureOf(1, 12_000), captureOf(2, 90_000))}, []paydb.Exception{owed}),
			[]catalog.Code{catalog.LedgerWrongShard}},
		"where there is no such payment": {reconciled([]paydb.Exception{found(4711, "", 0, captureOf(2, 90_000))}, []paydb.Exception{owed}),
			[]catalog.Code{catalog.LedgerWrongShard}},
		"before that one's capture": {reconciled([]paydb.Exception{found(4711, "CAPTURE_REQUESTED", 12_000, captureOf(2, 90_000))}, []paydb.Exception{owed}),
			[]catalog.Code{catalog.LedgerWrongShard}},
		"a reversal": {reconciled([]paydb.Exception{found(9, "CAPTURED", 500, captureOf(1, 500), reversalOf(2, 800))}, []paydb.Exception{found(9, "REFUNDED", 800, captureOf(3, 800))}),
			[]catalog.Code{catalog.LedgerWrongShard}},
		"another amount": {reconciled([]paydb.Exception{found(4711, "CAPTURED", 12_000, captureOf(1, 12_000), captureOf(2, 80_000))}, []paydb.Exception{owed}),
			[]catalog.Code{catalog.LedgerCaptureDuplicate, catalog.LedgerCaptureMissing}},
		"another id": {reconciled([]paydb.Exception{found(4712, "CAPTURED", 12_000, captureOf(1, 12_000), captureOf(2, 90_000))}, []paydb.Exception{owed}),
			[]catalog.Code{catalog.LedgerCaptureDuplicate, catalog.LedgerCaptureMissing}},
		"and one more": {reconciled([]paydb.Exception{found(4711, "CAPTURED", 12_000, captureOf(1, 12_000), captureOf(2, 90_000), captureOf(3, 12_000))}, []paydb.Exception{owed}),
			[]catalog.Code{catalog.LedgerCaptureDuplicate, catalog.LedgerCaptureMissing}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := codesIn(JudgeReconciliation(x.r).Findings); !slices.Equal(got, x.want) {
				t.Errorf("found %v, want %v", got, x.want)
			}
		})
	}

	// What is right there under the same id explains nothing, and what lies outside of
	// what was compared does where it was looked up.
	r := reconciled(nil, []paydb.Exception{owed})
	r.Elsewhere = map[string][]paydb.Exception{"shard1": {own}}
	if got := codesIn(JudgeReconciliation(r).Findings); !slices.Equal(got, []catalog.Code{catalog.LedgerCaptureMissing}) {
		t.Errorf("found %v", got)
	}
	r.Elsewhere["shard1"] = []paydb.Exception{found(4711, "CAPTURED", 12_000, captureOf(1, 12_000), captureOf(2, 90_000))}
	out := JudgeReconciliation(r)
	if got := codesIn(out.Findings); !slices.Equal(got, []catalog.Code{catalog.LedgerWrongShard}) {
		t.Errorf("found %v", got)
	}
	if text := out.Findings[0].Evidence[0].Value; !strings.Contains(text, "90000") || !strings.Contains(text, "12000") {
		t.Errorf("both sides should be told: %s", text)
	}
}

// One database under two names has nobody else's postings.
func TestOneDatabaseHasNoOtherShard(t *testing.T) {
	r := reconciled([]paydb.Exception{found(1, "CAPTURED", 5, captureOf(1, 5), captureOf(2, 9))}, nil)
	r.Asked[1].SameAs = "shard1"
	if out := JudgeReconciliation(r); !slices.Contains(codesIn(out.Findings), catalog.LedgerCaptureDuplicate) || slices.Contains(out.Ran, catalog.LedgerWrongShard) {
		t.Errorf("found %v, ran %v", codesIn(out.Findings), out.Ran)
	}
}

func TestNothingIsRuledOutThatWasNotSeen(t *testing.T) {
	whole := reconciled(nil, nil)
	if out := JudgeReconciliation(whole); !slices.Contains(out.Ran, catalog.LedgerCaptureMissing) || !slices.Contains(out.Ran, catalog.LedgerWrongShard) || out.Because != "" {
		t.Errorf("ran %v, %q", out.Ran, out.Because)
	}
	for name, change := range map[string]func(*Reconciliation){
		"a shard that failed":        func(r *Reconciliation) { r.Asked[1].Source.Err = &fault.Failure{Class: fault.Timeout} },
		"a part":                     func(r *Reconciliation) { r.Done[0].End.Done = false },
		"suspects left":              func(r *Reconciliation) { r.Done[0].Waiting = 3 },
		"older payments left":        func(r *Reconciliation) { r.Done[0].End.Done, r.Done[0].OlderLeft = false, 7 },
		"older payments cut":         func(r *Reconciliation) { r.Done[0].OlderWhy = "only 20000 of the older payments" },
		"and cut in the part before": func(r *Reconciliation) { r.Resumed, r.Done[0].End.OlderCut = true, true },
		"nothing in the scope": func(r *Reconciliation) {
			for i := range r.Done {
				r.Done[i].Payments, r.Done[i].MaxID = 0, 900
			}
		},
		"no such merchant":                 func(r *Reconciliation) { r.Done[0].Payments, r.Done[1].Payments, r.Limited = 0, 0, true },
		"all changed just now":             func(r *Reconciliation) { r.Done[0].Young, r.Done[1].Young = 10, 10 },
		"many of a shard changed just now": func(r *Reconciliation) { r.Done[0].Payments, r.Done[0].Young = 5000, 5000 },
		"a status nobody knows":            func(r *Reconciliation) { r.Done[0].Unjudged = map[string]int64{"CHARGED_BACK": 2} },
	} {
		t.Run(name, func(t *testing.T) {
			r := reconciled(nil, nil)
			change(&r)
			out := JudgeReconciliation(r)
			if name == "a status nobody knows" {
				if !strings.Contains(out.Because, "CHARGED_BACK") {
					t.Errorf("because %q", out.Because)
				}
				return
			}
			if slices.Contains(out.Ran, catalog.LedgerCaptureMissing) {
				t.Errorf("ran %v", out.Ran)
			}
			if name != "a shard that failed" && out.Because == "" {
				t.Error("nothing says why the books are not known to be right")
			}
		})
	}
}

// A merchant beyond those that were looked at may be on the wrong shard.
func TestMoreMerchantsThanWereLookedAt(t *testing.T) {
	r := reconciled(nil, nil)
	r.Done[0].Misrouted, r.Done[1].Misrouted = &paydb.Misrouted{Looked: 200_000}, &paydb.Misrouted{Looked: 3, Whole: true}
	out := JudgeReconciliation(r)
	if out.Because != "of shard1 only 200000 merchants were held against the shard rule" || slices.Contains(out.Ran, catalog.ShardMisroutedMerchant) {
		t.Errorf("because %q, ran %v", out.Because, out.Ran)
	}
}

// Nothing to judge is well where there is nothing at all, and where a part of a
// reconciliation has nothing left; so are books of which some could be judged.
func TestNothingToJudgeIsWell(t *testing.T) {
	for name, change := range map[string]func(*Reconciliation){
		"no payment at all": func(r *Reconciliation) { r.Done[0].Payments, r.Done[1].Payments = 0, 0 },
		"a part without": func(r *Reconciliation) {
			r.Done[0].Payments, r.Done[1].Payments, r.Done[0].MaxID, r.Resumed = 0, 0, 900, true
		},
		"one shard changed just now": func(r *Reconciliation) { r.Done[0].Young = 10 },
		"an orphan alone": func(r *Reconciliation) {
			r.Done[0].Payments, r.Done[1].Payments, r.Done[0].MaxID, r.Done[0].Entries = 0, 0, 900, 1
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := reconciled(nil, nil)
			change(&r)
			if out := JudgeReconciliation(r); out.Because != "" || !slices.Contains(out.Ran, catalog.LedgerCaptureMissing) {
				t.Errorf("because %q, ran %v", out.Because, out.Ran)
			}
		})
	}
}

// Exceptions beyond those that are kept are counted and added up.
func TestWhatIsNotKeptCounts(t *testing.T) {
	var more paydb.Amounts
	for range 5000 {
		more.Add(units(10))
	}
	r := reconciled([]paydb.Exception{found(1, "CAPTURED", 10)}, nil)
	r.Done[0].More = map[paydb.Wrong]*paydb.Beyond{captureMissing: {Count: 5000, First: 2, Last: 9000, Amounts: map[string]*paydb.Amounts{"KRW": &more}}}
	out := JudgeReconciliation(r)
	f := out.Findings[0]
	if out.Count != 5001 || !strings.HasPrefix(f.Claim, "5001 captured payments") || !strings.Contains(f.Claim, "KRW 50010") || !strings.Contains(f.Evidence[0].Value, "1 .. 9000") || !strings.Contains(f.Blast, "at least") {
		t.Errorf("%d: %+v", out.Count, f)
	}
}

// Every kind of exception has words, evidence and a step to take.
func TestEveryKindIsTold(t *testing.T) {
	for _, x := range codes {
		e := found(7, "CAPTURED", 1000, captureOf(1, 1000))
		e.Wrong, e.Settling, e.Refunding = x.wrong, []paydb.Request{{ID: 3, Status: "SUCCESS", Amount: units(1000)}}, []paydb.Request{{ID: 4, Status: "SUCCESS", Amount: units(1000)}}
		r := reconciled([]paydb.Exception{e}, nil)
		out := JudgeReconciliation(r)
		if len(out.Findings) != 1 || out.Findings[0].Code != x.code || CodeOf(x.wrong) != x.code {
			t.Errorf("%s: %+v", x.code, out.Findings)
			continue
		}
		f := out.Findings[0]
		if strings.Contains(f.Claim, "%") || len(f.Next) == 0 || len(f.Evidence) != 1 || !strings.Contains(f.Evidence[0].Value, "payment 7") {
			t.Errorf("%s: %+v", x.code, f)
		}
	}
}
