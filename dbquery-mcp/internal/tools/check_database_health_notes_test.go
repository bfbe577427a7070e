package tools

import (
	"strings"
	"testing"

	"payops-mcp/dbquery-mcp/internal/paydb"
)

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
