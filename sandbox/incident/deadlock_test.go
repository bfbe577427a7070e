package incident

import (
	"errors"
	"fmt"
	"testing"

	"github.com/go-sql-driver/mysql"
)

func TestOnlyADeadlockIsTriedAgain(t *testing.T) {
	broken := errors.New("broken")
	victim := fmt.Errorf("shard1: %w", &mysql.MySQLError{Number: deadlock})
	for name, x := range map[string]struct {
		answers []error // the last stays
		want    error
		times   int
	}{
		"done":           {[]error{nil}, nil, 1},
		"second time":    {[]error{victim, nil}, nil, 2},
		"another error":  {[]error{broken, nil}, broken, 1},
		"then another":   {[]error{victim, broken, nil}, broken, 2},
		"again for ever": {[]error{victim}, victim, 20},
	} {
		times := 0
		err := unlessDeadlock(func() error {
			times++
			return x.answers[min(times, len(x.answers))-1]
		})
		if !errors.Is(err, x.want) || times != x.times {
			t.Errorf("%s: %v after %d times", name, err, times)
		}
	}
}
