// Package shard is the payment system's rule for where a merchant lives.
package shard

import (
	"strconv"
	"strings"
)

// The shards of the payment system, which has two.
const (
	One = 1
	Two = 2
)

// Of returns the shard on which the ingest service keeps a merchant's payments:
// the ASCII digits of the id, joined, as a signed 64-bit number; even is One, odd
// is Two. No digits, or more than such a number holds, is One.
func Of(merchantID string) int {
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, merchantID)
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n%2 == 0 {
		return One
	}
	return Two
}

// Lives says in words whose payments are on a shard, as Of decides it.
func Lives(shard int) string {
	if shard == Two {
		return "merchants whose digits, joined, make an odd number (MERCHANT-7)"
	}
	return "merchants whose digits, joined, make an even number (MERCHANT-8), have no digits, or are too large a number"
}
