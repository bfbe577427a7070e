package seed

import (
	"strconv"
	"strings"
)

// ShardOf is the payment system's own rule for where a merchant lives, 1 or 2:
// all ASCII digits of the id, read as one signed 64-bit number, even or odd.
// No digits, or too many, mean shard 1.
func ShardOf(merchant string) int {
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, merchant)
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n%2 == 0 {
		return 1
	}
	return 2
}
