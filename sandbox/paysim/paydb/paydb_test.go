package paydb_test

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"payops-mcp/sandbox/paysim/paydb"
	"payops-mcp/sandbox/stack"
	"payops-mcp/sandbox/stack/stacktest"
)

func open(t *testing.T, o paydb.Options) *paydb.Cluster {
	t.Helper()
	s := stacktest.Start(t, stack.PartMariaDB)
	c, err := paydb.Open([]string{s.Shards[0].DSN(stack.AppUser), s.Shards[1].DSN(stack.AppUser)}, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// insert makes a payment and returns its id.
func insert(t *testing.T, p *paydb.Pool, key string) (id int64) {
	t.Helper()
	err := p.Tx(t.Context(), func(tx *sql.Tx) error {
		result, err := tx.ExecContext(t.Context(), "INSERT INTO payment (merchant_id,amount,currency,status,idempotency_key) VALUES ('M-2',100,'KRW','CAPTURE_REQUESTED',?)", key)
		if err != nil {
			return err
		}
		id, err = result.LastInsertId()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestMerchantsHaveTheirShard(t *testing.T) {
	c := open(t, paydb.Options{})
	if c.For("M-1") != c.Shard(2) || c.For("M-2") != c.Shard(1) || c.For("NONE") != c.Shard(1) {
		t.Error("a merchant is on the wrong shard")
	}
	if err := c.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// Of many that move a payment on side by side one succeeds.
func TestMove(t *testing.T) {
	p := open(t, paydb.Options{}).Shard(1)
	id := insert(t, p, "move")
	var moved atomic.Int64
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			err := p.Tx(t.Context(), func(tx *sql.Tx) error {
				ok, err := paydb.Move(t.Context(), tx, id, paydb.CaptureRequested, paydb.Captured)
				if ok {
					moved.Add(1)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	pay, err := p.Find(t.Context(), id)
	if err != nil || pay.Status != paydb.Captured || moved.Load() != 1 {
		t.Errorf("%d moved it, and it is %s (%v)", moved.Load(), pay.Status, err)
	}
	if _, err := p.Find(t.Context(), 1<<40); !errors.Is(err, sql.ErrNoRows) {
		t.Errorf("a payment that is not there: %v", err)
	}
}

// Two transactions that take two rows in opposite order: the server ends one of
// them, which is then tried again.
func TestDeadlockIsTriedAgain(t *testing.T) {
	p := open(t, paydb.Options{}).Shard(1)
	a, b := insert(t, p, "deadlock-a"), insert(t, p, "deadlock-b")
	var both sync.WaitGroup
	both.Add(2) // have their first row
	var attempts atomic.Int64
	lock := func(first, second int64) error {
		met := sync.OnceFunc(func() { both.Done(); both.Wait() })
		return p.Tx(t.Context(), func(tx *sql.Tx) error {
			attempts.Add(1)
			if _, err := paydb.Exec(t.Context(), tx, "UPDATE payment SET amount=amount+1 WHERE payment_id=?", first); err != nil {
				return err
			}
			met()
			_, err := paydb.Exec(t.Context(), tx, "UPDATE payment SET amount=amount+1 WHERE payment_id=?", second)
			return err
		})
	}
	var all sync.WaitGroup
	for _, ids := range [][2]int64{{a, b}, {b, a}} {
		all.Go(func() {
			if err := lock(ids[0], ids[1]); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if attempts.Load() < 3 {
		t.Errorf("%d attempts: there was no deadlock", attempts.Load())
	}
	for _, id := range []int64{a, b} {
		if pay, err := p.Find(t.Context(), id); err != nil || pay.Amount != 102 {
			t.Errorf("amount %d (%v), want 102: each change once", pay.Amount, err)
		}
	}
}

func TestPoolTimeout(t *testing.T) {
	p := open(t, paydb.Options{MaxConns: 1, Acquire: 50 * time.Millisecond}).Shard(1)
	err := p.Do(t.Context(), func(*sql.Conn) error {
		return p.Do(t.Context(), func(*sql.Conn) error { return nil })
	})
	if !errors.Is(err, paydb.ErrPoolTimeout) {
		t.Errorf("%v, want ErrPoolTimeout", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Do(ended, func(*sql.Conn) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the context's end", err)
	}
	if s := p.Stats(); s.Timeouts != 1 || s.Active != 0 || s.Max != 1 || s.Acquired != 1 {
		t.Errorf("%+v, want one timeout and one connection that was lent", s)
	}
}

func TestRefusals(t *testing.T) {
	p := open(t, paydb.Options{}).Shard(1)
	insert(t, p, "twice")
	exec := func(statement string) error {
		return p.Do(t.Context(), func(conn *sql.Conn) error {
			_, err := paydb.Exec(t.Context(), conn, statement)
			return err
		})
	}
	again := exec("INSERT INTO payment (merchant_id,amount,currency,status,idempotency_key) VALUES ('M-2',100,'KRW','CAPTURED','twice')")
	if !paydb.Duplicate(again) || paydb.Refused(again) {
		t.Errorf("a key that exists: %v", again)
	}
	for _, statement := range []string{
		"INSERT INTO ledger_entry (payment_id,debit_account,credit_account,amount) VALUES (999999999,'cash','merchant_receivable',1)",
		"INSERT INTO payment (merchant_id,amount,currency,status,idempotency_key) VALUES ('M-2',-1,'KRW','CAPTURED','negative')",
	} {
		if err := exec(statement); !paydb.Refused(err) {
			t.Errorf("%s: %v, want a refusal", statement, err)
		}
	}
	if err := exec("SELECT no_such_column FROM payment"); err == nil || paydb.Refused(err) {
		t.Errorf("a statement that is wrong: %v", err)
	}
}
