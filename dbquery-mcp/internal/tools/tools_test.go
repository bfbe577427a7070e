package tools_test

import (
	"encoding/json"
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

func allowingSelect() tools.Deps {
	d := undialled()
	d.AllowSelect = true
	return d
}

func TestGolden(t *testing.T) {
	tooltest.GoldenList(t, tooltest.New(t, tools.All(undialled())...))
}

func TestConventions(t *testing.T) {
	all := tools.All(undialled())
	tooltest.Conventions(t, tooltest.New(t, all...), all)
}

// run_select is seen by a host only where the operator has allowed it.
func TestGoldenWithRunSelect(t *testing.T) {
	without, with := tooltest.New(t, tools.All(undialled())...).List(t), tooltest.New(t, tools.All(allowingSelect())...).List(t)
	runSelect := -1
	for i, tool := range with {
		if tool.Name == "run_select" {
			runSelect = i
		}
	}
	if len(with) != len(without)+1 || runSelect < 0 {
		t.Fatalf("%d tools with run_select, %d without", len(with), len(without))
	}
	for _, tool := range without {
		if tool.Name == "run_select" {
			t.Error("run_select is listed though nobody allowed it")
		}
	}
	got, err := json.MarshalIndent(with[runSelect:runSelect+1], "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	tooltest.Golden(t, "run_select.json", append(got, '\n'))
}

func TestConventionsOfRunSelect(t *testing.T) {
	all := tools.All(allowingSelect())
	tooltest.Conventions(t, tooltest.New(t, all...), all)
}
