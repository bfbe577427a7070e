package serve_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// A client that gives a token hears how far the call is, always forward and not
// too often; one that gives none hears nothing.
func TestProgress(t *testing.T) {
	p := start(t)
	p.initialize("2025-11-25")
	p.send(call("quiet", "advance"),
		`{"jsonrpc":"2.0","id":"told","method":"tools/call","params":{"name":"run_test","arguments":{"do":"advance"},"_meta":{"progressToken":"t-1"}}}`)
	p.answer("quiet")
	p.answer("told")

	type notice struct {
		Params struct {
			ProgressToken   string
			Progress, Total float64
			Message         string
		}
	}
	var before float64
	count := 0
	for _, m := range p.messages() {
		if m.Method != "notifications/progress" {
			continue
		}
		var n notice
		if err := json.Unmarshal([]byte(m.line), &n); err != nil {
			t.Fatal(err)
		}
		if n.Params.ProgressToken != "t-1" || n.Params.Progress <= before || n.Params.Total != 1e6 || strings.Contains(n.Params.Message, "\x1b") || !strings.Contains(n.Params.Message, "of a scan") {
			t.Errorf("%s after %v", m.line, before)
		}
		before = n.Params.Progress
		count++
	}
	if count < 1 || count > 3 { // at most one a second of a call of three
		t.Errorf("%d notices", count)
	}
}
