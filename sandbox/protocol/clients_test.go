package protocol_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	legacy = "2025-11-25"
	modern = "2026-07-28"
)

// clients are the scripts in clients, each with the protocols it must have
// agreed on, in order; an empty one is not told by the client.
var clients = []struct {
	script    string
	protocols []string
}{
	{"sdk-v1", []string{""}},
	{"client-v2", []string{legacy, modern, modern}},
	{"langchain", []string{""}},
	{"ai-sdk", []string{""}},
	{"openai-agents", []string{""}},
}

// sighting is what one client saw of a server; see clients/common.mjs.
type sighting struct {
	Client     string
	Protocol   string
	Tools      []string
	Text       string
	Structured *struct {
		Summary string
		Verdict string
	}
}

// TestClients lists and calls with each real client. The answers come from the
// payment system that scripts/test starts.
func TestClients(t *testing.T) {
	for _, name := range []string{"API_BASE_URL", "PAYMENT_DB_HOST", "REDIS_URL"} {
		if os.Getenv(name) == "" {
			missing(t, "%s is not set, so there is nothing to call for: run scripts/test ./sandbox/protocol", name)
		}
	}
	each(t, func(t *testing.T, s server, program string) {
		in := node(t)
		dir := in.clientFolder(t)
		want := start(t, program).tools()
		if !slices.Contains(want, s.tool) {
			t.Fatalf("the server lists %v, not %s", want, s.tool)
		}
		for _, c := range clients {
			t.Run(c.script, func(t *testing.T) {
				stdout, stderr, err := in.script(t, filepath.Join(dir, c.script+".mjs"), s.tool, s.arguments, "--", program)
				if err != nil {
					t.Fatalf("%v\n%s%s", err, stdout, stderr)
				}
				var protocols []string
				for _, line := range lines(stdout) {
					var seen sighting
					if err := json.Unmarshal([]byte(line), &seen); err != nil {
						t.Fatalf("%v in %s", err, line)
					}
					protocols = append(protocols, seen.Protocol)
					seen.judge(t, want)
				}
				if !slices.Equal(protocols, c.protocols) {
					t.Errorf("protocols agreed on: %q, want %q", protocols, c.protocols)
				}
			})
		}
	})
}

// judge checks that a client saw the server's tools, and that a model would
// read the same answer in the text and in the structured form.
func (s sighting) judge(t *testing.T, tools []string) {
	t.Helper()
	if slices.Sort(s.Tools); !slices.Equal(s.Tools, tools) {
		t.Errorf("%s lists %v, want %v", s.Client, s.Tools, tools)
	}
	summary, rest, _ := strings.Cut(s.Text, "\n")
	verdict, _, _ := strings.Cut(strings.TrimPrefix(rest, "verdict: "), "\n")
	verdict, _, _ = strings.Cut(verdict, " ")
	if summary == "" || !slices.Contains([]string{"ok", "attention", "critical", "unknown"}, verdict) {
		t.Errorf("%s got a text without summary and verdict on its first two lines:\n%s", s.Client, s.Text)
	}
	if s.Structured != nil && (s.Structured.Summary != summary || s.Structured.Verdict != verdict) {
		t.Errorf("%s got %q, %q in structuredContent, and in the text\n%s", s.Client, s.Structured.Summary, s.Structured.Verdict, s.Text)
	}
}
