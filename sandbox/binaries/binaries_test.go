package binaries_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"payops-mcp/sandbox/binaries"
)

func TestMain(m *testing.M) {
	os.Exit(binaries.Main(m))
}

func TestEachServerIsBuiltOnceAndRuns(t *testing.T) {
	t.Setenv("GOWORK", "off") // as in a check of one module: the workspace is found all the same
	dirs := map[string]bool{}
	for _, server := range binaries.Servers() {
		path, err := binaries.Path(server)
		if err != nil {
			t.Fatal(err)
		}
		if !filepath.IsAbs(path) {
			t.Errorf("path of %s is not absolute: %s", server, path)
		}
		dirs[filepath.Dir(path)] = true
		out, err := exec.CommandContext(t.Context(), path, "--version").CombinedOutput()
		if err != nil || !strings.Contains(string(out), server) {
			t.Errorf("%s --version: %v, %s", server, err, out)
		}
	}
	if len(dirs) != 1 {
		t.Errorf("servers are in %d folders, want one build for all", len(dirs))
	}
}

func TestUnknownServerIsNamedWithTheKnown(t *testing.T) {
	_, err := binaries.Path("payment-mcp")
	if err == nil || !strings.Contains(err.Error(), `"payment-mcp"`) || !strings.Contains(err.Error(), binaries.DBQuery) {
		t.Errorf("want an error that names the server asked for and those there are, got %v", err)
	}
}
