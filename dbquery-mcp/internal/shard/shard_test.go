package shard_test

import (
	"testing"

	"payops-mcp/dbquery-mcp/internal/shard"
)

func TestOf(t *testing.T) {
	for id, want := range map[string]int{
		"MERCHANT-7":           2,
		"MERCHANT-8":           1,
		"A-1-2":                1, // all digits are joined: 12
		"A-2-1":                2,
		"MERCHANT_A":           1, // no digits
		"":                     1,
		"99999999999999999999": 1, // more than 64 bits
		"9223372036854775807":  2, // the largest
		"9223372036854775808":  1, // one more
		"-7":                   2, // a sign is no digit
		"٣":                    1, // a digit, but not an ASCII one
		"M007":                 2,
	} {
		if got := shard.Of(id); got != want {
			t.Errorf("Of(%q) = %d, want %d", id, got, want)
		}
	}
}
