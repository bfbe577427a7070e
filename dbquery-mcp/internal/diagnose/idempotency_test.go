package diagnose_test

import (
	"slices"
	"testing"
	"time"

	"payops-mcp/dbquery-mcp/internal/diagnose"
	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
)

func paid(shard string, id int64, merchant, key string) paydb.Payment {
	return paydb.Payment{Shard: shard, ID: id, Merchant: foreign.Text(merchant), Key: foreign.Text(key), Amount: "1000", Currency: "KRW", Status: "CAPTURED", RequestedAt: noon.Add(time.Duration(id) * time.Minute)}
}

// looked is a shard that was looked through.
func looked() paydb.Keys {
	return paydb.Keys{Merchants: 3, Done: 3, Whole: true, Payments: 100, Records: 100, FirstRecord: noon}
}

// A walk goes on where every shard is done, and not behind merchants of a shard that
// has told none.
func TestWhereAWalkGoesOn(t *testing.T) {
	part := func(done int, last string) paydb.Keys {
		return paydb.Keys{Merchants: 9, Done: done, Last: last, Whole: done == 9}
	}
	silent := failed(2, fault.Timeout, paydb.Asking, 1969)
	for name, x := range map[string]struct {
		k     diagnose.Keys
		after string
		cut   bool
		wait  int
	}{
		"through":                          {diagnose.Keys{Shards: diagnose.Shards{Asked: []paydb.Asked{answered(1), answered(2)}}, Facts: []paydb.Keys{part(9, "M-9"), part(9, "M-8")}}, "", false, 0},
		"one is cut":                       {diagnose.Keys{Shards: diagnose.Shards{Asked: []paydb.Asked{answered(1), answered(2)}}, Facts: []paydb.Keys{part(5, "M-5"), part(9, "M-8")}}, "M-5", true, 0},
		"both are":                         {diagnose.Keys{Shards: diagnose.Shards{Asked: []paydb.Asked{answered(1), answered(2)}}, Facts: []paydb.Keys{part(5, "M-5"), part(2, "M-2")}}, "M-2", true, 0},
		"one failed on the way":            {diagnose.Keys{Shards: diagnose.Shards{Asked: []paydb.Asked{answered(1), silent}}, Facts: []paydb.Keys{part(5, "M-5"), part(3, "M-3")}}, "M-3", true, 0},
		"one failed, the other is cut":     {diagnose.Keys{Shards: diagnose.Shards{Asked: []paydb.Asked{answered(1), silent}}, Facts: []paydb.Keys{part(5, "M-5"), {}}}, "", true, 1},
		"and so in a later part":           {diagnose.Keys{Shards: diagnose.Shards{Asked: []paydb.Asked{answered(1), silent}}, Facts: []paydb.Keys{part(5, "M-5"), {}}, After: "M-1"}, "M-1", true, 1},
		"one failed, the other is through": {diagnose.Keys{Shards: diagnose.Shards{Asked: []paydb.Asked{answered(1), silent}}, Facts: []paydb.Keys{part(9, "M-9"), {}}}, "", false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			after, cut, wait := x.k.Next()
			if after != x.after || cut != x.cut || len(wait) != x.wait {
				t.Errorf("after %q, cut %t, silent %v", after, cut, wait)
			}
		})
	}
}

// A part of a walk rules nothing out of what it did not see.
func TestAPartOfAWalkRulesNothingOut(t *testing.T) {
	k := diagnose.Keys{Shards: diagnose.Shards{Asked: []paydb.Asked{answered(1)}}, Facts: []paydb.Keys{{Merchants: 3, Done: 3, Whole: true}}}
	if _, ran, _ := diagnose.JudgeKeys(k); !slices.Contains(ran, catalog.IdemGhostResponse) {
		t.Errorf("the whole: ran %v", ran)
	}
	k.After = "M-5"
	if _, ran, _ := diagnose.JudgeKeys(k); slices.Contains(ran, catalog.IdemGhostResponse) {
		t.Errorf("a part: ran %v", ran)
	}
}

func TestJudgeKeys(t *testing.T) {
	for name, x := range map[string]struct {
		change  func(*paydb.Keys) // of shard1
		want    string
		verdict catalog.Verdict
		says    []string
	}{
		"well": {func(*paydb.Keys) {}, "", catalog.OK, nil},
		"the same key on two shards": {func(k *paydb.Keys) {
			k.Across = []paydb.Twin{{Here: paid("shard1", 1, "MERCHANT-7", "k"), There: paid("shard2", 2, "MERCHANT-7", "k")}}
		}, "IDEM_CROSS_SHARD_DUPLICATE critical", catalog.CriticalVerdict, []string{"payment 1 on shard1", "payment 2 on shard2", "this merchant lives on shard2", `merchant "MERCHANT-7", by KRW 1000`}},
		"a record with another amount": {func(k *paydb.Keys) {
			k.Mismatches = []paydb.KeySuspect{{Payment: paid("shard1", 1, "MERCHANT-8", "k"), Differs: []string{"amount"}, PaymentID: "1", Amount: "999", Currency: "KRW"}}
		}, "IDEM_RESPONSE_MISMATCH high", catalog.Attention, []string{`record says amount "999", the payment 1000`}},
		"more records with another amount than are listed": {func(k *paydb.Keys) {
			k.Mismatches, k.MismatchesCut = slices.Repeat([]paydb.KeySuspect{{Payment: paid("shard1", 1, "MERCHANT-8", "k"), Differs: []string{"amount"}, PaymentID: "1", Amount: "999", Currency: "KRW"}}, 200), true
		}, "IDEM_RESPONSE_MISMATCH high", catalog.Attention, []string{"at least 200 idempotency records on shard1"}},
		"a record of another's payment": {func(k *paydb.Keys) {
			other := paid("shard1", 77, "MERCHANT-10", "x")
			k.Mismatches = []paydb.KeySuspect{{Payment: paid("shard1", 1, "MERCHANT-8", "k"), Differs: []string{"paymentId", "currency"}, PaymentID: "77", Currency: "USD", Other: &other}}
		}, "IDEM_RESPONSE_MISMATCH high", catalog.Attention, []string{`record names payment "77", the payment is 1 ("77" is one of merchant "MERCHANT-10")`, `currency "USD", the payment "KRW"`}},
		"a ghost": {func(k *paydb.Keys) {
			k.Ghosts = []paydb.Ghost{{Shard: "shard1", Merchant: "MERCHANT-8", Key: "k", CreatedAt: noon, Names: "5", Elsewhere: "shard2"}}
		}, "IDEM_GHOST_RESPONSE high", catalog.Attention, []string{"1 idempotency record on shard1 answer for a payment that is not there", "the payment with this key is on shard2"}},
		"more ghosts than are listed": {func(k *paydb.Keys) {
			k.Ghosts, k.GhostsCut = slices.Repeat([]paydb.Ghost{{Shard: "shard1", Merchant: "MERCHANT-8", Key: "k", CreatedAt: noon, Names: "5"}}, 200), true
		}, "IDEM_GHOST_RESPONSE high", catalog.Attention, []string{"at least 200 idempotency records on shard1"}},
		"a payment without a record": {func(k *paydb.Keys) {
			k.MissingAll, k.Missing = 1, []paydb.NoRecord{{ID: 5, Merchant: "MERCHANT-8", At: noon.Add(time.Hour)}}
		}, "IDEM_RECORD_MISSING medium", catalog.Attention, []string{"1 payment of 100 on shard1"}},
		"a young payment without a record, and many old ones": {func(k *paydb.Keys) {
			k.MissingAll, k.Missing = 20_000, append([]paydb.NoRecord{{ID: 5, Merchant: "MERCHANT-8", At: noon.Add(time.Hour)}}, slices.Repeat([]paydb.NoRecord{{ID: 4, At: noon.Add(-time.Hour)}}, 9999)...)
		}, "IDEM_RECORD_MISSING medium", catalog.Attention, []string{"1 payment of 100 on shard1"}},
		"more young ones without than are remembered": {func(k *paydb.Keys) {
			k.MissingAll, k.Missing = 20_000, slices.Repeat([]paydb.NoRecord{{ID: 5, Merchant: "MERCHANT-8", At: noon.Add(time.Hour)}}, 10_000)
		}, "IDEM_RECORD_MISSING medium", catalog.Attention, []string{"at least 10000 payments of 100 on shard1"}},
		"old records cleared away": {func(k *paydb.Keys) {
			k.MissingAll, k.Missing = 1, []paydb.NoRecord{{ID: 5, Merchant: "MERCHANT-8", At: noon.Add(-time.Hour)}}
		}, "", catalog.OK, nil},
		"no records at all": {func(k *paydb.Keys) {
			k.Records, k.FirstRecord, k.MissingAll, k.Missing = 0, time.Time{}, 1, []paydb.NoRecord{{ID: 5, At: noon}}
		}, "IDEM_RECORD_MISSING low", catalog.Unknown, []string{"load test mode"}},
		"cut":          {func(k *paydb.Keys) { k.Whole, k.Done = false, 2 }, "", catalog.Unknown, []string{"shard1: 2 of 3 merchants looked through"}},
		"not possible": {func(k *paydb.Keys) { k.Unlooked = []string{"records: no index"} }, "", catalog.Unknown, []string{"shard1: not looked at: records: no index"}},
		"alike keys": {func(k *paydb.Keys) {
			k.Alike = []paydb.Pair{{A: paid("shard1", 1, "MERCHANT-8", "k"), B: paid("shard1", 2, "MERCHANT-8", "k-2"), Similar: true}}
		}, "", catalog.Unknown, []string{"1 pair of payments under two keys", "only the merchant can say"}},
		"alike keys, and more": {func(k *paydb.Keys) {
			k.Alike, k.AlikeCut = slices.Repeat([]paydb.Pair{{A: paid("shard1", 1, "MERCHANT-8", "k"), B: paid("shard1", 2, "MERCHANT-8", "k-2"), Similar: true}}, 200), true
		}, "", catalog.Unknown, []string{"whether at least 200 pairs of payments"}},
		"more pairs than chance makes, none looked at": {func(k *paydb.Keys) { k.RareAll, k.ByChance = 60, 0.5 }, "", catalog.Unknown, []string{"whether 60 more pairs of payments of one amount"}},
		"as many pairs as chance makes":                {func(k *paydb.Keys) { k.RareAll, k.ByChance = 2300, 2200 }, "", catalog.OK, nil},
	} {
		t.Run(name, func(t *testing.T) {
			facts := []paydb.Keys{looked(), looked()}
			x.change(&facts[0])
			k := diagnose.Keys{Shards: diagnose.Shards{Asked: []paydb.Asked{answered(1), answered(2)}}, Facts: facts}
			judged(t, k.Asked, func() ([]report.Finding, []catalog.Code, string) { return diagnose.JudgeKeys(k) }, x.want, x.verdict, x.says)
		})
	}
}

// Pairs of a rare amount count only if there are more of them than chance makes.
func TestPaidTwice(t *testing.T) {
	few, often := 0, 4
	pair := func(gap time.Duration, others *int) paydb.Pair {
		return paydb.Pair{A: paid("shard1", 1, "MERCHANT-8", "a1"), B: paid("shard1", 2, "MERCHANT-8", "b2"), Gap: gap, Others: others}
	}
	for name, x := range map[string]struct {
		pairs    []paydb.Pair
		byChance float64
		want     int
	}{
		"none":                                {nil, 0, 0},
		"one where none is expected":          {[]paydb.Pair{pair(2*time.Second, &few)}, 0.003, 1},
		"one on a busy day":                   {[]paydb.Pair{pair(2*time.Second, &few)}, 0.5, 0},
		"as many as chance makes":             {[]paydb.Pair{pair(2*time.Second, &few), pair(9*time.Second, &few), pair(5*time.Second, &few)}, 1, 0},
		"many more than chance makes":         {[]paydb.Pair{pair(time.Second, &few), pair(time.Second, &few), pair(time.Second, &few), pair(2*time.Second, &few), pair(time.Second, &few)}, 0.3, 5},
		"an amount that is taken every day":   {[]paydb.Pair{pair(2*time.Second, &often)}, 0.003, 0},
		"an amount of which nothing is known": {[]paydb.Pair{pair(2*time.Second, nil)}, 0.003, 0},
	} {
		n := len(x.pairs)
		got := diagnose.PaidTwice(diagnose.Keys{Facts: []paydb.Keys{{Rare: x.pairs, RareAll: n, RareJudged: n, ByChance: x.byChance}}})
		if len(got.Pairs) != x.want || got.More || got.Open > 0 {
			t.Errorf("%s: %d pairs, more %t, open %d; want %d pairs", name, len(got.Pairs), got.More, got.Open, x.want)
		}
	}
}

// Where some pairs were looked at closer, they are held against their part of chance,
// and that of the merchants without any pair; what that leaves open is said.
func TestPaidTwiceWhereSomeWereLookedAt(t *testing.T) {
	few, often := 0, 4
	pairs := func(n int, others *int) []paydb.Pair {
		return slices.Repeat([]paydb.Pair{{A: paid("shard1", 1, "MERCHANT-8", "a1"), B: paid("shard1", 2, "MERCHANT-8", "b2"), Gap: 9 * time.Second, Others: others}}, n)
	}
	some := func(rare, usual, all int, byChance float64) paydb.Keys {
		return paydb.Keys{Rare: slices.Concat(pairs(rare, &few), pairs(usual, &often)), RareAll: all, RareJudged: rare + usual, ByChance: byChance}
	}
	unread := paydb.Keys{Rare: pairs(1, nil), RareAll: 1, ByChance: 0.001}
	for name, x := range map[string]struct {
		facts []paydb.Keys
		want  int
		more  bool
		open  int
	}{
		"many more than chance makes":            {[]paydb.Keys{some(50, 0, 500, 30)}, 50, true, 0},
		"and of those of another shard":          {[]paydb.Keys{some(50, 0, 500, 30), {ByChance: 1}}, 50, true, 0},
		"as many as chance makes":                {[]paydb.Keys{some(50, 0, 500, 480)}, 0, false, 0},
		"thousands, as many as chance makes":     {[]paydb.Keys{some(50, 0, 2300, 2200)}, 0, false, 0},
		"hardly more than chance makes":          {[]paydb.Keys{some(50, 0, 500, 130)}, 0, false, 450},
		"thousands, hardly more":                 {[]paydb.Keys{some(50, 0, 2300, 600)}, 0, false, 2250},
		"amounts that are taken every day":       {[]paydb.Keys{some(0, 50, 500, 44)}, 0, false, 0},
		"few of which may be of a rare amount":   {[]paydb.Keys{some(1, 49, 500, 4)}, 0, false, 450},
		"none was looked at":                     {[]paydb.Keys{{RareAll: 60, ByChance: 0.5}}, 0, false, 60},
		"one that could not be read again":       {[]paydb.Keys{unread}, 0, false, 1},
		"one shard's usual, the other's unknown": {[]paydb.Keys{some(0, 50, 500, 20), some(25, 25, 5000, 900)}, 0, false, 5400},
	} {
		got := diagnose.PaidTwice(diagnose.Keys{Facts: x.facts})
		if len(got.Pairs) != x.want || got.More != x.more || got.Open != x.open {
			t.Errorf("%s: %d pairs, more %t, open %d", name, len(got.Pairs), got.More, got.Open)
		}
	}
}
