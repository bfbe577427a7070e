package docs_test

import (
	"encoding/json"
	"path"
	"slices"
	"strings"
	"testing"

	"payops-mcp/sandbox/binaries"
)

// entry is what hosts have of a server.
type entry struct {
	Type    string
	Command string
	Args    []string
	URL     string
	Env     map[string]string
	Headers map[string]string
}

// try starts the server that an entry names, with its settings.
func (e entry) try(t *testing.T, where, name string) {
	t.Helper()
	if !slices.Contains(binaries.Servers(), name) {
		t.Errorf("%s: no server is called %q", where, name)
		return
	}
	if e.URL != "" {
		if !strings.HasSuffix(e.URL, "/mcp") || e.Command != "" {
			t.Errorf("%s: %s is reached at %s", where, name, e.URL)
		}
		return
	}
	slashes := strings.ReplaceAll(e.Command, `\`, "/")
	absolute := strings.HasPrefix(slashes, "/") || strings.Contains(slashes, ":/")
	if strings.TrimSuffix(path.Base(slashes), ".exe") != name || !absolute && e.Command != "docker" {
		t.Errorf("%s: %s is started by %q", where, name, e.Command)
	}
	start(t, name, e.Env)
}

// TestConfigurations reads each block of JSON: the entries of a host's
// configuration are started.
func TestConfigurations(t *testing.T) {
	found := 0
	for _, d := range documents(t) {
		for _, b := range d.blocks {
			if b.language != "json" {
				continue
			}
			where := d.where(b.line)
			var config struct {
				MCPServers map[string]entry // Claude Desktop, Cursor
				Servers    map[string]entry // VS Code
			}
			if err := json.Unmarshal([]byte(b.text), &config); err != nil {
				t.Errorf("%s: %v", where, err)
				continue
			}
			if len(config.MCPServers)+len(config.Servers) == 0 {
				t.Errorf("%s: no test understands this JSON", where)
			}
			for _, entries := range []map[string]entry{config.MCPServers, config.Servers} {
				for name, e := range entries {
					found++
					e.try(t, where, name)
				}
			}
		}
	}
	if found < 9 {
		t.Errorf("%d entries; there are three servers on three systems at least", found)
	}
}
