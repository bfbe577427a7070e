package redis_test

import (
	"os"
	"slices"
	"testing"

	"payops-mcp/bench/internal/result"
	"payops-mcp/bench/redis"
	"payops-mcp/sandbox/stack"
)

// Whether bounds are kept is for a quiet machine and a large Redis to say. Here every
// figure must come about, with everything planted found: Run fails where it is not.
func TestEveryFigureComesAbout(t *testing.T) {
	if missing := stack.Missing(stack.PartRedis); len(missing) > 0 {
		if os.Getenv("CI") == "true" {
			t.Fatalf("not installed: %v", missing)
		}
		t.Skipf("not installed: %v", missing)
	}
	figures, versions, err := redis.Run(t.Context(), redis.Options{Keys: []int{20_000, 40_000}, Runs: 1, Calls: 20, Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	if len(versions) == 0 {
		t.Error("no versions")
	}
	for _, want := range []struct {
		name string
		size string
	}{
		{"find, of the bare SCAN", "20k"}, {"find, of KEYS, GET and TTL", "40k"}, {"another client's longest wait, find of KEYS", "20k"},
		{"answer to who is near the limit", "100k"}, {"estimate, off the truth", "40k"}, {"merchants by name, of a scan", "20k"},
		{"check_rate_limit, over its bare commands", "20k"}, {"memory after scans, of that on 20k", "40k"},
	} {
		at := slices.IndexFunc(figures, func(f result.Figure) bool { return f.Name == want.name && f.Subject == want.size })
		if at < 0 {
			t.Errorf("there is no figure %q of %s", want.name, want.size)
		} else if len(figures[at].Runs) == 0 && figures[at].Note == "" {
			t.Errorf("%q of %s is skipped without a reason", want.name, want.size)
		}
	}
}
