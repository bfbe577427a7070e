package serve_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"payops-mcp/shared/tool"
)

// about is the one document of the child.
var about = tool.Resource{
	URI: "child://about", Name: "about", Title: "About", Description: "What the child is.", MIMEType: "text/markdown",
	Read: func(context.Context, map[string]string) (string, error) { return "# A child <of> a test\n", nil },
}

func TestResourcesInBothErasOfTheProtocol(t *testing.T) {
	t.Run("2025-11-25", func(t *testing.T) {
		p := start(t)
		var r struct {
			Capabilities struct {
				Resources *struct{ Subscribe, ListChanged bool }
			}
		}
		if err := json.Unmarshal(p.initialize("2025-11-25").Result, &r); err != nil {
			t.Fatal(err)
		}
		if c := r.Capabilities.Resources; c == nil || c.ListChanged || c.Subscribe {
			t.Errorf("capabilities: %+v", c)
		}
		p.send(`{"jsonrpc":"2.0","id":1,"method":"resources/list"}`,
			`{"jsonrpc":"2.0","id":2,"method":"resources/read","params":{"uri":"child://about"}}`,
			`{"jsonrpc":"2.0","id":3,"method":"resources/read","params":{"uri":"child://nothing"}}`)
		if m := p.answer(1); !strings.Contains(m.line, `"uri":"child://about"`) {
			t.Errorf("list: %s", m.line)
		}
		checkRead(t, p.answer(2))
		if m := p.answer(3); m.Error == nil || m.Error.Code != -32002 {
			t.Errorf("a resource that does not exist: %s", m.line)
		}
	})
	t.Run("2026-07-28", func(t *testing.T) {
		p := start(t)
		p.send(`{"jsonrpc":"2.0","id":2,"method":"resources/read","params":{"uri":"child://about",`+modern+`}}`,
			`{"jsonrpc":"2.0","id":3,"method":"resources/read","params":{"uri":"child://nothing",`+modern+`}}`)
		m := p.answer(2)
		checkRead(t, m)
		if !strings.Contains(m.line, `"ttlMs":0`) || !strings.Contains(m.line, `"cacheScope":"private"`) {
			t.Errorf("a document may change, and is not for all: %s", m.line)
		}
		if m := p.answer(3); m.Error == nil || m.Error.Code != -32602 {
			t.Errorf("a resource that does not exist: %s", m.line)
		}
	})
}

func checkRead(t *testing.T, m message) {
	t.Helper()
	var r struct {
		Contents []struct{ URI, MIMEType, Text string }
	}
	if err := json.Unmarshal(m.Result, &r); err != nil {
		t.Fatalf("%v in %s", err, m.line)
	}
	if len(r.Contents) != 1 || r.Contents[0].URI != "child://about" || r.Contents[0].MIMEType != "text/markdown" || r.Contents[0].Text != "# A child <of> a test\n" {
		t.Errorf("read: %s", m.line)
	}
}
