package token

import (
	"errors"
	"sync"
	"testing"
	"time"
)

// refused is why a token is not good.
func refused(m *Mint, text string, parts ...string) error {
	_, err := m.Check(text, parts...)
	return err
}

func TestATokenIsForOneThingOnceAndNotForLong(t *testing.T) {
	now := time.Now()
	m := newMint(func() time.Time { return now })
	given := m.Give([]byte("41"), "server", "key", "5")
	for name, err := range map[string]error{
		"another value":      refused(m, given, "server", "key", "6"),
		"another cut of it":  refused(m, given, "server", "ke", "y5"),
		"fewer parts":        refused(m, given, "server", "key5"),
		"another process":    refused(NewMint(), given, "server", "key", "5"),
		"garbage":            refused(m, "garbage", "server", "key", "5"),
		"nothing":            refused(m, "", "server", "key", "5"),
		"another note":       refused(m, given[:28]+"AA"+given[30:], "server", "key", "5"),
		"a longer life":      refused(m, given[:16]+"B"+given[17:], "server", "key", "5"),
		"the end left away":  refused(m, given[:len(given)-4], "server", "key", "5"),
		"the same and more":  refused(m, given+"AAAA", "server", "key", "5"),
		"a space at the end": refused(m, given+" ", "server", "key", "5"),
	} {
		if err == nil {
			t.Errorf("%s: it is good", name)
		}
	}
	if note, err := m.Check(given, "server", "key", "5"); err != nil || string(note) != "41" {
		t.Fatal(note, err)
	}
	if m.Give([]byte("41"), "server", "key", "5") == given {
		t.Error("two tokens are the same")
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	took := 0
	for range 20 {
		wg.Go(func() {
			if _, err := m.Take(given, "server", "key", "5"); err == nil {
				mu.Lock()
				took++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if took != 1 || !errors.Is(refused(m, given, "server", "key", "5"), ErrUsed) {
		t.Errorf("it was taken %d times", took)
	}

	late := m.Give([]byte("41"), "server", "key", "5")
	now = now.Add(Life + time.Second)
	if _, err := m.Take(late, "server", "key", "5"); !errors.Is(err, ErrExpired) {
		t.Errorf("after its time: %v", err)
	}
	if _, err := m.Take(m.Give(nil, "x"), "x"); err != nil || len(m.used) != 1 {
		t.Errorf("%v, %d are kept as used", err, len(m.used))
	}
}
