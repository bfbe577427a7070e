package tools_test

import (
	"testing"
	"time"

	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/dbquery-mcp/internal/tools"
	"payops-mcp/shared/tooltest"
)

// undialled are tools that are only looked at.
func undialled() tools.Deps {
	return tools.Deps{DB: paydb.New([]paydb.Settings{{Name: "shard1", Host: "localhost", Port: 3306}}, paydb.Options{StatementTimeout: time.Second}), Zone: time.UTC}
}

func TestGolden(t *testing.T) {
	tooltest.GoldenList(t, tooltest.New(t, tools.All(undialled())...))
}

func TestConventions(t *testing.T) {
	all := tools.All(undialled())
	tooltest.Conventions(t, tooltest.New(t, all...), all)
}
