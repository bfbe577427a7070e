package docs_test

import (
	"regexp"
	"strings"
	"testing"

	"payops-mcp/sandbox/binaries"
)

var (
	toolCall       = regexp.MustCompile(`^(?:\S+-mcp )?([a-z]+(?:_[a-z]+)+) (\{.*\})$`)
	transcriptCall = regexp.MustCompile(`(?m)^> (\S+-mcp) ([a-z_]+) (\{.*\})$`)
)

// TestToolCalls sends each tool call of the documents: the examples of tables,
// those in running text, and those of transcripts. Nobody stands behind the
// servers; each must take the arguments all the same.
func TestToolCalls(t *testing.T) {
	servers, has := asked(t)
	sent := 0
	send := func(where, tool, arguments string) {
		t.Helper()
		server, ok := has[tool]
		if !ok {
			t.Errorf("%s: no server has the tool %s", where, tool)
			return
		}
		sent++
		call(t, servers[server], tool, arguments)
	}
	for _, d := range documents(t) {
		for _, r := range d.rows {
			tool, last := strings.Trim(r.cells[0], "`"), r.cells[len(r.cells)-1]
			if strings.HasPrefix(last, "`{") {
				send(d.where(r.line), tool, strings.ReplaceAll(strings.Trim(last, "`"), `\|`, "|"))
			}
		}
		for _, s := range d.spans {
			if m := toolCall.FindStringSubmatch(s.text); m != nil {
				send(d.where(s.line), m[1], m[2])
			}
		}
		for _, b := range d.blocks {
			for _, m := range transcriptCall.FindAllStringSubmatch(b.text, -1) {
				if has[m[2]] != m[1] {
					t.Errorf("%s: %s has no tool %s", d.where(b.line), m[1], m[2])
				}
				send(d.where(b.line), m[2], m[3])
			}
		}
	}
	if sent < 30 {
		t.Errorf("%d calls were found; every tool has an example", sent)
	}
}

var (
	upper = regexp.MustCompile(`^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+n?(_FILE)?(=.*)?$`)
	// others are names in capitals that are no settings of the servers.
	others = map[string]bool{"UPDATE_GOLDEN": true, "READ_ONLY": true, "PAYOPS_INSTALL": true, "SANDBOX_TEST_SEED": true}
)

// TestNames looks up each name in capitals: it is a setting or a finding code.
func TestNames(t *testing.T) {
	for _, d := range documents(t) {
		for _, s := range d.spans {
			name, _, _ := strings.Cut(s.text, "=")
			if !upper.MatchString(s.text) || others[name] || isCode(name) {
				continue
			}
			known := false
			for _, server := range binaries.Servers() {
				known = known || isSetting(t, server, name)
			}
			if !known {
				t.Errorf("%s: there is no setting and no finding code %s", d.where(s.line), name)
			}
		}
	}
}
