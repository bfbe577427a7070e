package paydb

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"payops-mcp/dbquery-mcp/internal/dbtest"
	"payops-mcp/shared/foreign"
)

// A walk whose time is up keeps the merchants it has done, says which was the last,
// and goes on behind it.
func TestKeysGoOnWhereTheyEnded(t *testing.T) {
	db := dbtest.New(t).Whole(t)
	for i := range 4 {
		m := fmt.Sprintf("M-%d", 2*i)
		db.Insert(t, 1, dbtest.Payment{Merchant: m, At: base})
		db.Record(t, 1, m, "ghost", `{"paymentId":1}`, base)
	}
	conn := openDB(t, db)
	ctx := t.Context()
	end, cancel := context.WithCancel(ctx)
	defer cancel()
	q := KeysQuery{Window: anyTime, Progress: func(done, total int) {
		if total != 4 {
			t.Errorf("%d of %d", done, total)
		}
		if done == 3 {
			cancel()
		}
	}}
	w := &keysWalk{db: conn, q: q}
	lists, err := ask(ctx, conn, w.list)
	if err != nil {
		t.Fatal(err)
	}
	r := Reply[Keys]{Asked: lists[0].Asked}
	w.walk(ctx, end, 0, lists[0].Facts, &r)
	k := r.Facts
	if k.Done != 3 || k.Last != "M-4" || k.Whole || len(k.Ghosts) != 3 || k.Payments != 3 || !r.Source.OK() {
		t.Fatalf("cut: %+v %v", k, r.Source.Err)
	}
	replies, _, err := conn.Keys(ctx, KeysQuery{Window: anyTime, After: k.Last})
	if err != nil {
		t.Fatal(err)
	}
	if k := replies[0].Facts; k.Done != 1 || !k.Whole || len(k.Ghosts) != 1 || k.Ghosts[0].Merchant != "M-6" {
		t.Errorf("the rest: %+v", k)
	}
}

// A merchant's payments and records are read in pages; none is left out, none is
// seen twice, though many came in the same millisecond.
func TestKeysInPages(t *testing.T) {
	db := dbtest.New(t).Whole(t)
	s := db.Shards[0]
	s.Exec(t, `INSERT INTO payment (merchant_id, amount, currency, status, idempotency_key, requested_at, updated_at)
SELECT 'M-8', 1000, 'KRW', 'CAPTURED', CONCAT('k', seq), ? + INTERVAL seq DIV 400 SECOND, ? FROM seq_1_to_12000`, base, base)
	s.Exec(t, `INSERT INTO idem_response_cache SELECT merchant_id, idempotency_key, 200, JSON_OBJECT('paymentId', payment_id, 'amount', amount, 'currency', currency), requested_at FROM payment`)
	s.Exec(t, `DELETE FROM payment WHERE idempotency_key IN ('k1', 'k7000', 'k12000')`)
	s.Exec(t, `DELETE FROM idem_response_cache WHERE idempotency_key IN ('k2', 'k9000')`)
	s.Exec(t, `UPDATE idem_response_cache SET response_body = '{}' WHERE idempotency_key = 'k5000'`)
	replies, _, err := openDB(t, db).Keys(t.Context(), KeysQuery{Window: anyTime})
	if err != nil {
		t.Fatal(err)
	}
	k := replies[0].Facts
	if !k.Whole || k.Payments != 11997 || k.Records != 11995 || len(k.Ghosts) != 3 || k.MissingAll != 2 || len(k.Mismatches) != 1 {
		t.Errorf("%d payments, %d with a record, %d ghosts, %d without, %d differ", k.Payments, k.Records, len(k.Ghosts), k.MissingAll, len(k.Mismatches))
	}
}

// A suspect that was on its way is none the second time it is read.
func TestSuspectsAreReadAgain(t *testing.T) {
	db := dbtest.New(t).Whole(t)
	db.Insert(t, 1, dbtest.Payment{ID: 1, Merchant: "M-8", Key: "a", Amount: 5, At: base}, dbtest.Payment{ID: 2, Merchant: "M-8", Key: "b", At: base})
	db.Record(t, 1, "M-8", "a", `{"paymentId":1,"amount":6,"currency":"KRW"}`, base)
	db.Record(t, 1, "M-8", "c", `{}`, base)
	conn := openDB(t, db)
	ctx := t.Context()
	w := &keysWalk{db: conn, q: KeysQuery{Window: anyTime}}
	lists, err := ask(ctx, conn, w.list)
	if err != nil {
		t.Fatal(err)
	}
	r := []Reply[Keys]{{Asked: lists[0].Asked}}
	w.walk(ctx, ctx, 0, lists[0].Facts, &r[0])
	k := &r[0].Facts
	if len(k.Mismatches) != 1 || len(k.Ghosts) != 1 || len(k.Missing) != 1 {
		t.Fatalf("at first: %+v", k)
	}
	s := db.Shards[0]
	s.Exec(t, `UPDATE idem_response_cache SET response_body = '{"paymentId":1,"amount":5,"currency":"KRW"}' WHERE idempotency_key = 'a'`)
	db.Record(t, 1, "M-8", "b", `{"paymentId":2,"amount":1,"currency":"KRW"}`, base)
	db.Insert(t, 1, dbtest.Payment{ID: 3, Merchant: "M-8", Key: "c", At: base})
	w.again(ctx, r)
	if len(k.Mismatches)+len(k.Ghosts)+len(k.Missing) > 0 || k.MissingAll != 0 || len(k.Unlooked) > 0 {
		t.Errorf("the second time: %+v", k)
	}
}

func TestSimilarKeys(t *testing.T) {
	for _, x := range []struct {
		a, b string
		want bool
	}{
		{"order-77", "order-77-2", true}, {"order-77-retry", "order-77", true}, {"order-77", "ORDER_77_RETRY1", false},
		{"order_77", "order-77", true}, {"cart77", "cart77:v2", true}, {"cart77", "cart77 again", true},
		{"order-7", "order-77", false}, {"order-77", "order-78", false}, {"order-77", "order-77-shoes", false},
		{"INV-77-1", "INV-77-2", false}, {"a-1-11", "a-11-1", false}, {"k1", "k1-2", false}, {"", "-2", false},
	} {
		if got := similarKeys(x.a, x.b); got != x.want {
			t.Errorf("similarKeys(%q, %q) = %v", x.a, x.b, got)
		}
		if similarKeys(x.a, x.b) != similarKeys(x.b, x.a) {
			t.Errorf("%q and %q: it depends on the order", x.a, x.b)
		}
	}
}

// Only payments whose keys have the same root are compared further, so similar keys
// must have it.
func TestSimilarKeysHaveTheSameRoot(t *testing.T) {
	for key, want := range map[string]string{
		"order-77": "order", "ORDER_77_Retry1": "order", "order-777": "order-777", "order-777-v2": "order-777", "cart77 again": "cart77", "k--": "k", "-2": "", "": "",
		"2f1c-77ab": "2f1c-77ab", "order-77-shoes": "order-77-shoes", "order-123": "order-123",
	} {
		if got := root(bare(key)); got != want {
			t.Errorf("the root of %q is %q, want %q", key, got, want)
		}
	}
	parts := []string{"cart", "order", "k", "7", "77", "777", "-", "_", " ", "--", "Retry", "v", "again", "é", "A"}
	draw := rand.New(rand.NewPCG(1, 2))
	key := func(n int) (k string) {
		for range n {
			k += parts[draw.IntN(len(parts))]
		}
		return k
	}
	similar := 0
	for range 200_000 {
		a := key(1 + draw.IntN(4))
		b := a + key(1+draw.IntN(4))
		if !similarKeys(a, b) {
			continue
		}
		similar++
		x, y := tryOf(&Payment{Key: foreign.Text(a)}), tryOf(&Payment{Key: foreign.Text(b)})
		if x.root != y.root || !x.like(y) || !y.like(x) {
			t.Fatalf("%q and %q", a, b)
		}
	}
	if similar < 1000 {
		t.Errorf("only %d pairs were similar", similar)
	}
}

// Of a popular price only payments whose keys are alike are pairs, whatever lies
// between them; of a rare one each payment is one with that before it.
func TestWhichPaymentsArePairs(t *testing.T) {
	type paid struct {
		at     int // seconds
		key    string
		status foreign.Text
	}
	popular := make([]paid, 0, 500)
	for i := range 500 {
		popular = append(popular, paid{i - 500, fmt.Sprintf("%x", 7919*(i+1)), "CAPTURED"})
	}
	for name, x := range map[string]struct {
		payments []paid
		want     []string
	}{
		"a popular price":       {popular, nil},
		"alike":                 {[]paid{{0, "cart-77", "CAPTURED"}, {3, "cart-77-2", "CAPTURED"}}, []string{"cart-77 cart-77-2"}},
		"another between":       {[]paid{{0, "cart-77", "CAPTURED"}, {1, "9f2c", "CAPTURED"}, {2, "8d41", "CAPTURED"}, {3, "77ab", "CAPTURED"}, {9, "cart-77-2", "CAPTURED"}}, []string{"cart-77 cart-77-2"}},
		"at a popular price":    {append(slices.Clone(popular), paid{0, "cart-77", "CAPTURED"}, paid{1, "9f2c", "CAPTURED"}, paid{3, "cart-77-2", "CAPTURED"}), []string{"cart-77 cart-77-2"}},
		"thrice":                {[]paid{{0, "cart-77", "CAPTURED"}, {3, "cart-77-2", "CAPTURED"}, {6, "cart_77", "CAPTURED"}}, []string{"cart-77 cart-77-2", "cart-77 cart_77", "cart-77-2 cart_77"}},
		"too far apart":         {[]paid{{0, "cart-77", "CAPTURED"}, {11, "cart-77-2", "CAPTURED"}}, nil},
		"the first failed":      {[]paid{{0, "cart-77", "CAPTURE_FAILED"}, {3, "cart-77-2", "CAPTURED"}}, nil},
		"a rare amount":         {[]paid{{0, "9f2c", "CAPTURED"}, {2, "77ab", "CAPTURED"}, {4, "8d41", "CAPTURED"}}, []string{"77ab 8d41", "9f2c 77ab"}},
		"a rare amount no more": {[]paid{{0, "9f2c", "CAPTURED"}, {2, "77ab", "CAPTURED"}, {4, "8d41", "REFUNDED"}, {60, "1c1c", "CAPTURED"}}, nil},
	} {
		m := merchantWalk{walk: &keysWalk{window: &Window{}}, amounts: map[amountKey]*amountSeen{}}
		for i, p := range x.payments {
			m.count(&Payment{ID: int64(i + 1), Amount: "9900", Currency: "KRW", Status: p.status, Key: foreign.Text(p.key), RequestedAt: base.Add(time.Duration(p.at) * time.Second)})
		}
		m.pairUp()
		var got []string
		for _, p := range slices.Concat(m.alike, m.rare) {
			got = append(got, string(p.A.Key+" "+p.B.Key))
		}
		if slices.Sort(got); !slices.Equal(got, x.want) {
			t.Errorf("%s: %q, want %q", name, got, x.want)
		}
	}
}

// More payments of a merchant within ten seconds than are held are said not to have
// been compared.
func TestPairsOfTooManyPaymentsAtOnce(t *testing.T) {
	db := dbtest.New(t).Whole(t)
	conn := openDB(t, db)
	for _, x := range []struct {
		more int
		said bool
	}{{maxHeld, false}, {1, true}} {
		db.Shards[0].Exec(t, `INSERT INTO payment (merchant_id, amount, currency, status, idempotency_key, requested_at, updated_at)
SELECT 'M-8', 1000 + seq, 'KRW', 'CAPTURED', UUID(), ?, ? FROM seq_1_to_100000 WHERE seq <= ?`, base, base, x.more)
		replies, _, err := conn.Keys(t.Context(), KeysQuery{Window: anyTime})
		if err != nil {
			t.Fatal(err)
		}
		if k := replies[0].Facts; !k.Whole || (k.Uncompared() != "") != x.said {
			t.Errorf("%d payments, not compared: %q", k.Payments, k.Uncompared())
		}
	}
}

func TestStatementsAreShownWithoutValues(t *testing.T) {
	for statement, want := range map[string]string{
		`UPDATE payment SET status='CAPTURED' WHERE payment_id = 77`: `UPDATE payment SET status=? WHERE payment_id = ?`,
		"SELECT *\n  FROM t1 WHERE a = 'it''s' AND b = \"x\\\"y\"":   `SELECT * FROM t1 WHERE a = ? AND b = ?`,
		`SET PASSWORD FOR x = PASSWORD('s3cret`:                      `SET PASSWORD FOR x = PASSWORD(?`, // cut off
		`INSERT INTO t VALUES (0x616263, 1.5, -3)`:                   `INSERT INTO t VALUES (?, ?, -?)`,
		`SELECT 1 FROM outbox_event WHERE created_at < '2026-01-01'`: `SELECT ? FROM outbox_event WHERE created_at < ?`,
	} {
		if got := withoutValues(statement); string(got) != want {
			t.Errorf("%s: %s, want %s", statement, got, want)
		}
	}
}

func BenchmarkKeys(b *testing.B) {
	db := dbtest.New(b).Whole(b)
	db.Fill(b, 20000)
	for _, s := range db.Shards {
		s.Exec(b, `INSERT INTO idem_response_cache SELECT merchant_id, idempotency_key, 200, JSON_OBJECT('paymentId', payment_id, 'amount', amount, 'currency', currency), requested_at FROM payment`)
	}
	conn := openDB(b, db)
	for b.Loop() {
		replies, _, err := conn.Keys(b.Context(), KeysQuery{Window: func(now time.Time) (Window, error) { return Window{Since: now.Add(-24 * time.Hour), Until: now}, nil }})
		if err != nil || replies[0].Facts.Payments == 0 {
			b.Fatal(err, replies[0].Facts)
		}
	}
}
