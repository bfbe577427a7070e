package seed_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"payops-mcp/sandbox/seed"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newPlan(t *testing.T, o seed.Options) *seed.Plan {
	t.Helper()
	p, err := seed.NewPlan(o, 2, noon)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestSameSeedSamePayments(t *testing.T) {
	o := seed.Options{Payments: 500, Seed: 3, Hostile: true}
	p := newPlan(t, o)
	path := filepath.Join(t.TempDir(), "plan.json")
	if err := p.Write(path); err != nil {
		t.Fatal(err)
	}
	again, err := seed.ReadPlan(path)
	if err != nil {
		t.Fatal(err)
	}
	first, second := slices.Collect(p.All()), slices.Collect(again.All())
	if len(first) != 1000 || !slices.Equal(first, second) {
		t.Error("a plan that was written and read plans other payments")
	}
	o.Seed = 4
	if slices.Equal(first, slices.Collect(newPlan(t, o).All())) {
		t.Error("another seed plans the same payments")
	}
	if p, err := seed.ReadPlan(filepath.Join(t.TempDir(), "none")); p != nil || err != nil {
		t.Errorf("no file: %v, %v", p, err)
	}
}

// What every payment must be, whatever the seed.
func TestPayments(t *testing.T) {
	statuses := []string{seed.CaptureRequested, seed.Captured, seed.CaptureFailed, seed.RefundRequested, seed.Refunded, seed.RefundFailed}
	for s := range uint64(20) {
		p := newPlan(t, seed.Options{Payments: 3000, Seed: s, Hostile: s%2 == 1})
		keys := map[string]bool{}
		var seen []string
		for shard := 1; shard <= 2; shard++ {
			var last time.Time
			id := p.FirstID
			for pay := range p.Payments(shard) {
				if pay.Shard != shard || pay.ID != id {
					t.Fatalf("seed %d: payment %d of shard %d where %d of %d was due", s, pay.ID, pay.Shard, id, shard)
				}
				id++
				switch key := pay.Merchant + "\x00" + pay.Key; {
				case seed.ShardOf(pay.Merchant) != shard:
					t.Fatalf("merchant %q is on shard %d", pay.Merchant, shard)
				case len([]rune(pay.Merchant)) > 32 || len([]rune(pay.Key)) > 64 || len([]rune(pay.RefundReason())) > 500:
					t.Fatalf("too long for its column: %+v", pay)
				case keys[key]:
					t.Fatalf("the same merchant and key twice: %q", key)
				case pay.RequestedAt.Before(last):
					t.Fatalf("payment %d is older than the one before it", pay.ID)
				case pay.UpdatedAt.Before(pay.RequestedAt), pay.UpdatedAt.After(noon):
					t.Fatalf("impossible times: %+v", pay)
				case pay.Amount <= 0, !slices.Contains(statuses, pay.Status):
					t.Fatalf("impossible payment: %+v", pay)
				case pay.InFlight != (noon.Sub(pay.RequestedAt) < time.Minute):
					t.Fatalf("in flight or not: %+v", pay)
				default:
					keys[key] = true
				}
				last = pay.RequestedAt
				if !slices.Contains(seen, pay.Status) {
					seen = append(seen, pay.Status)
				}
			}
		}
		if len(seen) != len(statuses) {
			t.Errorf("seed %d has only %v", s, seen)
		}
	}
}

func TestMerchants(t *testing.T) {
	for s := range uint64(50) {
		p := newPlan(t, seed.Options{Seed: s})
		all := slices.Concat(p.Merchants...)
		if len(all) != 40 || len(p.Merchants[0]) < 15 || len(p.Merchants[1]) < 15 {
			t.Errorf("seed %d: %d and %d merchants, want 40 in two halves", s, len(p.Merchants[0]), len(p.Merchants[1]))
		}
		for i := range all {
			all[i] = strings.ToLower(all[i])
		}
		slices.Sort(all)
		if len(slices.Compact(all)) != 40 {
			t.Errorf("seed %d: two merchants that a database takes for one", s)
		}
	}
}

func TestFilter(t *testing.T) {
	p := newPlan(t, seed.Options{Payments: 2000, Seed: 9})
	whole := p.Total(seed.Filter{})
	if whole.Count != 4000 {
		t.Fatalf("%d payments, want 4000", whole.Count)
	}
	var parts int
	for status, n := range whole.ByStatus {
		one := p.Total(seed.Filter{Statuses: []string{status}})
		if one.Count != n {
			t.Errorf("%s: %d by filter, %d by status", status, one.Count, n)
		}
		parts += n
	}
	if parts != whole.Count {
		t.Errorf("statuses add up to %d", parts)
	}
	cut := noon.Add(-7 * time.Hour)
	before, after := p.Total(seed.Filter{Until: cut}), p.Total(seed.Filter{Since: cut})
	if before.Count+after.Count != whole.Count || before.Amounts["KRW"]+after.Amounts["KRW"] != whole.Amounts["KRW"] {
		t.Errorf("%d before and %d after make %d", before.Count, after.Count, whole.Count)
	}
	found := p.Find(seed.Filter{Currency: "KRW", MinAmount: 10_000, MaxAmount: 20_000}, 25)
	if len(found) != 25 {
		t.Fatalf("found %d, want 25", len(found))
	}
	for i, pay := range found {
		if pay.Currency != "KRW" || pay.Amount < 10_000 || pay.Amount > 20_000 || i > 0 && pay.RequestedAt.After(found[i-1].RequestedAt) {
			t.Errorf("wrong or out of order: %+v", pay)
		}
	}
}

func TestImpossibleOptions(t *testing.T) {
	for _, o := range []seed.Options{{Payments: -1}, {Merchants: 2}, {Span: time.Minute}} {
		if _, err := seed.NewPlan(o, 2, noon); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
}
