package worker_test

import (
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"testing"

	"payops-mcp/sandbox/paysim/bus"
	"payops-mcp/sandbox/paysim/defect"
	"payops-mcp/sandbox/paysim/paydb"
	"payops-mcp/sandbox/paysim/worker"
	"payops-mcp/sandbox/stack"
	"payops-mcp/sandbox/stack/stacktest"
)

func desk(t *testing.T, defects ...defect.Name) *worker.Desk {
	t.Helper()
	s := stacktest.Start(t, stack.PartMariaDB)
	c, err := paydb.Open([]string{s.Shards[0].DSN(stack.AppUser), s.Shards[1].DSN(stack.AppUser)}, paydb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	set := &defect.Set{}
	if err := set.Set(defects...); err != nil {
		t.Fatal(err)
	}
	return &worker.Desk{Cluster: c, Defects: set}
}

// payment makes a captured payment of an odd merchant, on shard 2.
func payment(t *testing.T, d *worker.Desk, key string) (id int64) {
	t.Helper()
	err := d.Cluster.Shard(2).Tx(t.Context(), func(tx *sql.Tx) error {
		result, err := tx.ExecContext(t.Context(), "INSERT INTO payment (merchant_id,amount,currency,status,idempotency_key) VALUES ('M-1',100,'KRW','CAPTURED',?)", key)
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

func postings(t *testing.T, d *worker.Desk, id int64) (n int) {
	t.Helper()
	err := d.Cluster.Shard(2).Do(t.Context(), func(conn *sql.Conn) error {
		return conn.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM ledger_entry WHERE payment_id=?", id).Scan(&n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// The same record, handled by many at the same moment and again later, is
// posted once, and a refund of the same payment once as well.
func TestPostOnce(t *testing.T) {
	for name, c := range map[string]struct {
		defects []defect.Name
		want    int
	}{"healthy": {nil, 2}, "no dedupe": {[]defect.Name{defect.NoDedupe}, 42}} {
		t.Run(name, func(t *testing.T) {
			d := desk(t, c.defects...)
			id := payment(t, d, name)
			record := func(topic string) bus.Record {
				return bus.Record{Topic: topic, Value: fmt.Appendf(nil, `{"paymentId":%d,"merchantId":"M-1","amount":100}`, id)}
			}
			var all sync.WaitGroup
			for range 20 {
				for _, topic := range []string{bus.Captured, bus.Refunded} {
					all.Go(func() {
						if err := worker.Post(d, t.Context(), record(topic)); err != nil {
							t.Error(err)
						}
					})
				}
			}
			all.Wait()
			for _, topic := range []string{bus.Captured, bus.Refunded} {
				if err := worker.Post(d, t.Context(), record(topic)); err != nil {
					t.Error(err)
				}
			}
			if n := postings(t, d, id); n != c.want {
				t.Errorf("%d postings, want %d", n, c.want)
			}
		})
	}
}

func TestPoison(t *testing.T) {
	d := desk(t)
	for _, value := range []string{
		`not JSON`,
		`{"merchantId":"M-1","amount":100}`,
		`{"paymentId":1,"amount":100}`,
		`{"paymentId":987654321,"merchantId":"M-1","amount":100}`,
	} {
		err := worker.Post(d, t.Context(), bus.Record{Topic: bus.Captured, Value: []byte(value)})
		if _, poison := errors.AsType[*bus.Poison](err); !poison {
			t.Errorf("%s: %v, want poison", value, err)
		}
	}
}
