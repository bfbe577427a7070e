package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"payops-mcp/sandbox/binaries"
)

// entry is what a host is told of a server.
type entry struct {
	Type    string            `json:"type,omitempty"`
	Command string            `json:"command"`
	Env     map[string]string `json:"env"`

	name string
}

// form is a way in which a host wants to be told.
type form struct {
	name, help string
	write      func(io.Writer, []entry) error
}

var forms = []form{
	{"desktop", "claude_desktop_config.json of Claude Desktop", printServers},
	{"claude", "commands that tell Claude Code", printCommands},
	{"vscode", ".vscode/mcp.json of VS Code", printVSCode},
	{"cursor", "~/.cursor/mcp.json of Cursor", printServers},
	{"env", "NAME='value' lines, for a shell or, with --only, for a server's --config FILE", printEnvironment},
}

// settingsOf tells which server a setting belongs to, by its beginning.
var settingsOf = map[string][]string{
	binaries.CircuitBreaker: {"API_", "PROMETHEUS_", "KAFKA_"},
	binaries.DBQuery:        {"PAYMENT_DB_"},
	binaries.RedisCache:     {"REDIS_", "APP_RATE_LIMIT_"},
}

// entries are those of the servers, in their order; only, when not empty, is the name
// of the one that is wanted.
func entries(programs, values map[string]string, only string) (all []entry, err error) {
	for _, name := range binaries.Servers() {
		if only != "" && name != only {
			continue
		}
		e := entry{Command: programs[name], Env: map[string]string{}, name: name}
		for k, v := range values {
			if slices.ContainsFunc(settingsOf[name], func(prefix string) bool { return strings.HasPrefix(k, prefix) }) {
				e.Env[k] = v
			}
		}
		all = append(all, e)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("there is no server %q; there are %s", only, strings.Join(binaries.Servers(), ", "))
	}
	return all, nil
}

func printServers(w io.Writer, all []entry) error {
	return printJSON(w, map[string]any{"mcpServers": byName(all)})
}

func printVSCode(w io.Writer, all []entry) error {
	for i := range all {
		all[i].Type = "stdio"
	}
	return printJSON(w, map[string]any{"servers": byName(all)})
}

func byName(all []entry) map[string]entry {
	servers := map[string]entry{}
	for _, e := range all {
		servers[e.name] = e
	}
	return servers
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

func printCommands(w io.Writer, all []entry) (err error) {
	for _, e := range all {
		words := []string{"claude mcp add", e.name}
		for _, k := range slices.Sorted(maps.Keys(e.Env)) {
			words = append(words, "--env", shellWord(k+"="+e.Env[k]))
		}
		_, failed := fmt.Fprintln(w, strings.Join(append(words, "--", shellWord(e.Command)), " "))
		err = cmp.Or(err, failed)
	}
	return err
}

func printEnvironment(w io.Writer, all []entry) error {
	for _, e := range all {
		for _, k := range slices.Sorted(maps.Keys(e.Env)) {
			// A settings file knows no escapes, and in single quotes a shell neither.
			if strings.ContainsAny(e.Env[k], "'\n") {
				return fmt.Errorf("%s has a quote or a line break in its value, which no line of a settings file can hold", k)
			}
			if _, err := fmt.Fprintf(w, "%s='%s'\n", k, e.Env[k]); err != nil {
				return err
			}
		}
	}
	return nil
}

// shellWord quotes a word for a shell, where it must be.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:=,@%+", r)
	}
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
