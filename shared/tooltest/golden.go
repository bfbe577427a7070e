package tooltest

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// Golden compares got with the file testdata/name. UPDATE_GOLDEN=1 writes it.
func Golden(t testing.TB, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil { //nolint:gosec // a file of the repository
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; make it with UPDATE_GOLDEN=1 go test", err)
	}
	if !bytes.Equal(want, got) {
		t.Errorf("%s differs from what is now:\n%s\nif that is right: UPDATE_GOLDEN=1 go test", path, got)
	}
}

// GoldenList compares what tools/list shows with testdata/tools.json: the whole
// of what a host knows of the server, and pays for in every conversation.
func GoldenList(t testing.TB, c *Client) {
	t.Helper()
	list := c.List(t)
	whole, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	compact, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("tools/list: %d tools, %d bytes", len(list), len(compact))
	Golden(t, "tools.json", append(whole, '\n'))
}
