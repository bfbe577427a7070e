package paydb_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/go-sql-driver/mysql"

	"payops-mcp/sandbox/paysim/paydb"
)

func TestOnlyADeadlockIsTriedAgain(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	victim := fmt.Errorf("shard1: %w", &mysql.MySQLError{Number: 1213})
	waited := fmt.Errorf("shard1: %w", &mysql.MySQLError{Number: 1205})
	for name, x := range map[string]struct {
		answers []error // the last stays
		want    error
		times   int
	}{
		"done":              {[]error{nil}, nil, 1},
		"second time":       {[]error{victim, nil}, nil, 2},
		"waited for a lock": {[]error{waited, nil}, nil, 2},
		"another error":     {[]error{broken, nil}, broken, 1},
		"then another":      {[]error{victim, broken, nil}, broken, 2},
		"again for ever":    {[]error{victim}, victim, 20},
	} {
		times := 0
		err := paydb.Again(t.Context(), 20, func() error {
			times++
			return x.answers[min(times, len(x.answers))-1]
		})
		if !errors.Is(err, x.want) || times != x.times {
			t.Errorf("%s: %v after %d times", name, err, times)
		}
	}
}
