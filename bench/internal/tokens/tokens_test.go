package tokens_test

import (
	"testing"

	"payops-mcp/bench/internal/tokens"
)

// The counts are those of gpt-tokenizer 4.0.0, an implementation by others.
func TestCount(t *testing.T) {
	for text, want := range map[string]int{
		"":                          0,
		"hello world, what is this": 6,
		"CLOSED - 0.5% of 412 calls failed in the last 15 min":                  19,
		"지난 1시간 동안 실패한 결제":                                                      9,
		`{"type":"object","properties":{"limit":{"default":10,"maximum":200}}}`: 18,
		`{"a":"\u001b[0m"}`: 11,
	} {
		got, err := tokens.Count(text)
		if err != nil || got != want {
			t.Errorf("%q has %d tokens (%v), want %d", text, got, err, want)
		}
	}
}
