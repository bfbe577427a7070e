package gate_test

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
)

// statements reads a file with one statement a line.
func statements(t testing.TB, path string) (all []string) {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(file)) {
		line = strings.TrimRight(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if strings.HasPrefix(line, `"`) {
			if line, err = strconv.Unquote(line); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
		}
		all = append(all, line)
	}
	return all
}

// input is a line of readonly_inputs.json: statements, and what may become of them.
type input struct{ ID, SQL, Expect string }

func inputs(t testing.TB) (all []input) {
	t.Helper()
	file, err := os.ReadFile("testdata/readonly_inputs.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(file, &all); err != nil {
		t.Fatal(err)
	}
	for i := range all {
		all[i].SQL = strings.ReplaceAll(all[i].SQL, "{{TMPDIR}}", t.TempDir())
	}
	return all
}
