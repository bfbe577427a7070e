package itest

import (
	"fmt"
	"os"
	"testing"

	"payops-mcp/sandbox/binaries"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := binaries.Remove(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
