// Package testseed gives tests that draw names, numbers and times their seed.
package testseed

import (
	"hash/fnv"
	"os"
	"strconv"
	"testing"
)

// Variable is the setting that adds to every seed: another number draws everything
// anew, as the incident benchmark does with its own seeds.
const Variable = "SANDBOX_TEST_SEED"

// Of is a test's seed, which it logs: the same in every run, so that two runs over one
// commit say the same, and another one for every test.
func Of(t testing.TB) uint64 {
	t.Helper()
	more := uint64(0)
	if text := os.Getenv(Variable); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("%s=%q is no number", Variable, text)
		}
		more = n
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(t.Name())) // never fails
	seed := h.Sum64() + more
	t.Logf("seed %d (%s=%d)", seed, Variable, more)
	return seed
}
