package tools

import (
	"testing"

	"payops-mcp/circuitbreaker-mcp/internal/ingest"
	"payops-mcp/shared/tooltest"
)

func TestConventions(t *testing.T) {
	all := All(Sources{Ingest: ingest.New(ingest.Options{})})
	c := tooltest.New(t, all...)
	tooltest.Conventions(t, c, all)
	tooltest.GoldenList(t, c)
}
