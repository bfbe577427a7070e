package tool_test

import (
	"testing"
)

// What a call costs beside its handler, from the client's request to its answer,
// both in this process.
func BenchmarkCall(b *testing.B) {
	c := connect(b)
	args := map[string]any{"merchant_id": "MERCHANT-8", "limit": 20, "status": []string{"CAPTURED"}}
	for b.Loop() {
		c.Call(b, "ask_test", args)
	}
}
