package incident

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestUnasked(t *testing.T) {
	row := Row{Tools: []string{"cache_stats", "check_kafka_health|inspect_consumer_lag"}}
	for _, c := range []struct {
		asks []Ask
		left string
	}{
		{nil, "cache_stats check_kafka_health|inspect_consumer_lag"},
		{[]Ask{askCacheStats()}, "check_kafka_health|inspect_consumer_lag"},
		{[]Ask{askLag("g"), askCacheStats(), askTTLs()}, ""},
		{[]Ask{askKafka()}, "cache_stats"},
	} {
		if left := strings.Join(row.unasked(c.asks), " "); left != c.left {
			t.Errorf("%v leaves out %q, want %q", c.asks, left, c.left)
		}
	}
}

// What an incident asks is made when it is injected, which takes a system. That its
// source mentions each tool can be seen without one.
func TestEveryRowsToolsAreAsked(t *testing.T) {
	p := readPackage(t)
	for _, i := range All() {
		if len(i.Row().Tools) == 0 {
			t.Errorf("%s: its row names no tool", i.ID)
		}
		for _, anyOf := range i.Row().Tools {
			for tool := range strings.SplitSeq(anyOf, "|") {
				if !slices.Contains(toolNames, tool) {
					t.Errorf("%s: its row names %s, which no server lists", i.ID, tool)
				}
			}
		}
		var asks []Ask
		for tool := range p.tools(i.ID, map[string]bool{}) {
			asks = append(asks, Ask{Tool: tool})
		}
		for _, left := range i.Row().unasked(asks) {
			t.Errorf("%s never asks %s, which its row names", i.ID, left)
		}
	}
}

// Were every tool found for every incident, the test above would pass for ever.
func TestToolsAreFoundWhereTheyAreAsked(t *testing.T) {
	p := readPackage(t)
	for id, want := range map[string]string{
		"CB-07": "diagnose_circuit_breaker get_circuit_breaker_status",
		"LG-01": "reconciliation_check",
		"RD-01": "check_rate_limit find_merchants_hitting_limits ttl_analysis",
		"RF-05": "check_settlements reconciliation_check",
		"CX-01": "check_kafka_health check_outbox_status check_rate_limit diagnose_circuit_breaker find_merchants_hitting_limits get_circuit_breaker_status ttl_analysis",
	} {
		var found []string
		for tool := range p.tools(id, map[string]bool{}) {
			if slices.Contains(toolNames, tool) {
				found = append(found, tool)
			}
		}
		slices.Sort(found)
		if got := strings.Join(found, " "); got != want {
			t.Errorf("%s asks %s, want %s", id, got, want)
		}
	}
}

// source is what the package declares, by name; incidents by their ids, methods with
// their type.
type source map[string][]ast.Node

func readPackage(t *testing.T) source {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	p := source{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			for name, node := range declared(d) {
				if name != "Incident" && name != "Row" { // what can be done with each of them
					p[name] = append(p[name], node)
				}
			}
		}
	}
	return p
}

// declared is what a declaration stands for, by name. One without a name is an
// incident, and goes by the id that it mentions first.
func declared(d ast.Decl) map[string]ast.Node {
	found := map[string]ast.Node{}
	if f, ok := d.(*ast.FuncDecl); ok {
		name := f.Name.Name
		if f.Recv != nil {
			ast.Inspect(f.Recv.List[0].Type, func(n ast.Node) bool {
				if of, ok := n.(*ast.Ident); ok {
					name = of.Name
				}
				return true
			})
		}
		return map[string]ast.Node{name: f}
	}
	general, ok := d.(*ast.GenDecl)
	if !ok {
		return nil
	}
	for _, s := range general.Specs {
		v, ok := s.(*ast.ValueSpec)
		if !ok || len(v.Values) == 0 {
			continue
		}
		name := v.Names[0].Name
		if name == "_" {
			name = firstID(v)
		}
		found[name] = v
	}
	return found
}

func firstID(v ast.Node) (id string) {
	ast.Inspect(v, func(n ast.Node) bool {
		if text := literal(n); id == "" && isID(text) {
			id = text
		}
		return id == ""
	})
	return id
}

func isID(text string) bool {
	_, known := incidents[text]
	return known
}

// literal is the text of a string in the source.
func literal(n ast.Node) string {
	l, ok := n.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return ""
	}
	text, _ := strconv.Unquote(l.Value) // the parser has read it
	return text
}

// tools are those that a declaration, and what it makes use of, mentions to ask them.
func (p source) tools(name string, seen map[string]bool) map[string]bool {
	found := map[string]bool{}
	if seen[name] {
		return found
	}
	seen[name] = true
	var visit func(ast.Node) bool
	visit = func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.KeyValueExpr: // what is named there is not asked
			if key, ok := n.Key.(*ast.Ident); ok && (key.Name == "Aside" || key.Name == "Quotes") {
				return false
			}
		case *ast.AssignStmt:
			if to, ok := n.Lhs[0].(*ast.SelectorExpr); ok && (to.Sel.Name == "Aside" || to.Sel.Name == "Quotes") {
				return false
			}
		case *ast.SelectorExpr: // a method comes with its type
			ast.Inspect(n.X, visit)
			return false
		case *ast.Ident:
			maps.Copy(found, p.tools(n.Name, seen))
		case *ast.BasicLit:
			if text := literal(n); isID(text) {
				if isID(name) { // it is made of others
					maps.Copy(found, p.tools(text, seen))
				}
			} else if strings.Contains(text, "_") {
				found[text] = true
			}
		}
		return true
	}
	for _, node := range p[name] {
		ast.Inspect(node, visit)
	}
	return found
}
