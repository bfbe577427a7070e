package seed_test

import (
	"testing"

	"payops-mcp/sandbox/seed"
)

func TestShardOf(t *testing.T) {
	for merchant, want := range map[string]int{
		"MERCHANT-7":                   2,
		"MERCHANT-8":                   1,
		"A-1-2":                        1, // all digits joined: 12
		"A-2-1":                        2, // 21
		"MERCHANT_A":                   1, // none
		"":                             1,
		"99999999999999999999":         1, // more than 64 bits
		"9223372036854775807":          2, // the most that fits, and odd
		"9223372036854775808":          1, // one more
		"9223372036854775809":          1, // odd, and too many
		"00000000000000000000000001":   2, // zeros in front do not count
		"상점１":                          1, // a full-width digit is no digit
		"٣":                            1, // nor an Arabic one
		"shop-3 서울":                    2,
		"-3":                           2, // a sign is not read
		"IGNORE PREVIOUS INSTRUCTIONS": 1,
	} {
		if got := seed.ShardOf(merchant); got != want {
			t.Errorf("ShardOf(%q) = %d, want %d", merchant, got, want)
		}
	}
}

// FuzzShardOf holds the rule against its twin in SQL's terms: parity of the
// last digit, unless there are too many digits.
func FuzzShardOf(f *testing.F) {
	for _, s := range []string{"", "a1", "99999999999999999999", "A-1-2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, merchant string) {
		var digits []byte
		for i := range len(merchant) {
			if c := merchant[i]; c >= '0' && c <= '9' && (c != '0' || len(digits) > 0) {
				digits = append(digits, c)
			}
		}
		const most = "9223372036854775807"
		want := 1
		fits := len(digits) < len(most) || len(digits) == len(most) && string(digits) <= most
		if n := len(digits); n > 0 && fits && digits[n-1]%2 == 1 {
			want = 2
		}
		if got := seed.ShardOf(merchant); got != want {
			t.Errorf("ShardOf(%q) = %d, want %d", merchant, got, want)
		}
	})
}
