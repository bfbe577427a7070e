package paydb

import (
	"context"
	"fmt"
	"testing"
	"time"

	"payops-mcp/dbquery-mcp/internal/dbtest"
)

// change alters the settings with which a test connects.
type change func(shard int, s *Settings, o *Options)

// openDB connects to a test's own schema.
func openDB(t testing.TB, db *dbtest.DB, changes ...change) *DB {
	t.Helper()
	o := Options{StatementTimeout: 5 * time.Second}
	var all []Settings
	for i, s := range db.Shards {
		one := Settings{Name: fmt.Sprintf("shard%d", i+1), Host: s.Host, Port: s.Port, User: db.User, Password: db.Password, Database: db.Database}
		for _, c := range changes {
			c(i+1, &one, &o)
		}
		all = append(all, one)
	}
	opened := New(all, o)
	t.Cleanup(opened.Close)
	return opened
}

// at sends one shard somewhere else.
func at(shard int, e dbtest.Endpoint) change {
	return func(n int, s *Settings, _ *Options) {
		if n == shard {
			s.Host, s.Port = e.Host, e.Port
		}
	}
}

// anyTime is a window without ends.
func anyTime(time.Time) (Window, error) { return Window{}, nil }

// newest asks for the newest payments, whatever they are.
func newest(t testing.TB, db *DB) []Reply[ShardPayments] {
	t.Helper()
	return list(t, db, PaymentQuery{})
}

func list(t testing.TB, db *DB, q PaymentQuery) []Reply[ShardPayments] {
	t.Helper()
	if q.Order == "" {
		q.Order = Newest
	}
	if q.Limit == 0 {
		q.Limit = 10
	}
	if q.Window == nil {
		q.Window = anyTime
	}
	replies, _, err := db.Payments(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return replies
}

// all fails the test unless every shard answered.
func all(t testing.TB, replies []Reply[ShardPayments]) []Reply[ShardPayments] {
	t.Helper()
	for _, r := range replies {
		if !r.Source.OK() {
			t.Fatalf("%s: %v", r.Source.Name, r.Source.Err)
		}
	}
	return replies
}

// onFirst asks the first shard alone.
func onFirst(ctx context.Context, t testing.TB, db *DB, question func(context.Context, *Reader) error) Asked {
	t.Helper()
	r, err := askShard(ctx, db.shards[0], func(ctx context.Context, r *Reader) (struct{}, error) {
		return struct{}{}, question(ctx, r)
	})
	if err != nil {
		t.Fatal(err)
	}
	return r.Asked
}
