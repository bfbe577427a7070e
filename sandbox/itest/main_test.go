package itest

import (
	"os"
	"testing"

	"payops-mcp/sandbox/binaries"
)

func TestMain(m *testing.M) {
	os.Exit(binaries.Main(m))
}
