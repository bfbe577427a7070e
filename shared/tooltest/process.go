package tooltest

import (
	"os"
	"testing"

	"github.com/mark3labs/mcp-go/client"
)

// Process starts a built server as a child and connects to it over stdio, as a
// host does. Its settings are environ alone, beside what a process needs to run.
func Process(t testing.TB, binary string, environ map[string]string, args ...string) *Client {
	t.Helper()
	vars := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	for k, v := range environ {
		vars = append(vars, k+"="+v)
	}
	c, err := client.NewStdioMCPClient(binary, vars, args...)
	if err != nil {
		t.Fatalf("start %s: %v", binary, err)
	}
	return start(t, c)
}
