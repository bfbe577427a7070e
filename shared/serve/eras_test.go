package serve_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// modern is what a client of 2026-07-28 sends along with every request instead of
// shaking hands once.
const modern = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"test","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}`

func TestBothErasOfTheProtocol(t *testing.T) {
	for _, version := range []string{"2025-06-18", "2025-11-25"} {
		t.Run(version, func(t *testing.T) {
			p := start(t)
			var r struct {
				ProtocolVersion, Instructions string
				ServerInfo                    struct{ Name, Title string }
				Capabilities                  struct {
					Tools *struct{ ListChanged bool }
				}
			}
			if err := json.Unmarshal(p.initialize(version).Result, &r); err != nil {
				t.Fatal(err)
			}
			if r.ProtocolVersion != version || r.Instructions != "Ask it anything." || r.ServerInfo.Name != "child-mcp" || r.Capabilities.Tools == nil || r.Capabilities.Tools.ListChanged {
				t.Errorf("got %+v", r)
			}
			p.send(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, call(2, "nothing"), `{"jsonrpc":"2.0","id":3,"method":"ping"}`)
			checkList(t, p.answer(1))
			if m := p.answer(2); m.isError() || !strings.Contains(m.text(), "done") {
				t.Errorf("call: %s", m.line)
			}
			if m := p.answer(3); m.Error != nil {
				t.Errorf("ping: %s", m.line)
			}
		})
	}
	t.Run("2026-07-28", func(t *testing.T) {
		p := start(t)
		p.send(`{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{`+modern+`}}`,
			`{"jsonrpc":"2.0","id":2,"method":"tools/list","params":{`+modern+`}}`,
			`{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"run_test","arguments":{},`+modern+`}}`)
		var r struct {
			SupportedVersions []string
			Instructions      string
		}
		m := p.answer(1)
		if err := json.Unmarshal(m.Result, &r); err != nil || m.Error != nil || r.Instructions != "Ask it anything." || !strings.Contains(m.line, "2026-07-28") {
			t.Errorf("discover: %v %s", err, m.line)
		}
		checkList(t, p.answer(2))
		if m := p.answer(3); m.isError() || !strings.Contains(m.text(), "done") {
			t.Errorf("call: %s", m.line)
		}
	})
}

// checkList looks at the raw tools/list: it can be encoded, every hint is there
// and every schema is closed.
func checkList(t *testing.T, m message) {
	t.Helper()
	var r struct {
		Tools []struct {
			Name        string
			Annotations map[string]any
			InputSchema struct {
				Type   string
				Closed *bool `json:"additionalProperties"`
			}
		}
	}
	if err := json.Unmarshal(m.Result, &r); err != nil {
		t.Fatalf("%v in %s", err, m.line)
	}
	if len(r.Tools) != 2 {
		t.Fatalf("%d tools in %s", len(r.Tools), m.line)
	}
	for _, x := range r.Tools {
		for hint, want := range map[string]bool{"readOnlyHint": true, "destructiveHint": false, "idempotentHint": true, "openWorldHint": false} {
			if x.Annotations[hint] != want {
				t.Errorf("%s: %s is %v, want %v", x.Name, hint, x.Annotations[hint], want)
			}
		}
		if x.InputSchema.Type != "object" || x.InputSchema.Closed == nil || *x.InputSchema.Closed {
			t.Errorf("%s: the schema is not a closed object: %s", x.Name, m.line)
		}
	}
}
