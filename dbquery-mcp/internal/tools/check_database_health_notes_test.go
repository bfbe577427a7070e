package tools

import (
	"strings"
	"testing"

	"payops-mcp/dbquery-mcp/internal/paydb"
)

// Sessions that wait, and that were left out, are told.
func TestMoreLockWaitsThanAreLookedAt(t *testing.T) {
	for _, cut := range []func(*paydb.Health, bool){
		func(h *paydb.Health, cut bool) { h.LockWaitsCut = cut },
		func(h *paydb.Health, cut bool) { h.TableWaitsCut = cut },
	} {
		one := paydb.Reply[paydb.Health]{Facts: paydb.Health{LockWaits: make([]paydb.LockWait, 20)}}
		one.Shard = "shard1"
		for _, more := range []bool{false, true} {
			cut(&one.Facts, more)
			notes := strings.Join(health{replies: []paydb.Reply[paydb.Health]{one}}.data(false).Notes, "; ")
			if strings.Contains(notes, "shard1 has more sessions that wait for locks than these 20") != more {
				t.Errorf("cut %v: %q", more, notes)
			}
		}
	}
}

// Transactions that were left out are told.
func TestMoreTransactionsThanAreLookedAt(t *testing.T) {
	one := paydb.Reply[paydb.Health]{Facts: paydb.Health{Transactions: make([]paydb.Transaction, 20)}}
	one.Shard = "shard1"
	for _, cut := range []bool{false, true} {
		one.Facts.TransactionsCut = cut
		notes := strings.Join(health{replies: []paydb.Reply[paydb.Health]{one}}.data(false).Notes, "; ")
		if strings.Contains(notes, "shard1 has more than 20 open transactions") != cut {
			t.Errorf("cut %v: %q", cut, notes)
		}
	}
}
