package incident

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// trace is what would tell whoever looks at the data that something was done to it
// on purpose, and what.
var trace = regexp.MustCompile(`(?i)sandbox|incident|inject|planted|ballast|scenario|\b(cb|ht|ob|kf|lg|st|rf|id|sh|rd|nm|ts|cx|db|lv)-?\d\d\b`)

// What an incident writes anywhere must not say that it is one: no key, no name, no
// comment of a statement. So no text of the package may, but those that stay in it:
// ids of incidents, messages of errors, and names under which something is kept.
func TestIncidentsLeaveNoTrace(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") || file == "judge.go" || file == "together.go" || file == "catalog.go" {
			continue // they inject nothing
		}
		tree, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		named := map[ast.Expr]bool{} // ids that name an incident to this package
		ast.Inspect(tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ImportSpec:
				return false
			case *ast.KeyValueExpr:
				if key, ok := n.Key.(*ast.Ident); ok && key.Name == "ID" {
					named[n.Value] = true
				}
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.Ident); ok && slices.Contains([]string{"both", "rateIncident", "breakerShows", "apiFault", "promFault", "Get"}, f.Name) {
					for _, arg := range n.Args {
						named[arg] = true
					}
				}
				return !isError(n)
			case *ast.BasicLit:
				if text, err := strconv.Unquote(n.Value); n.Kind == token.STRING && err == nil && trace.MatchString(text) && !named[n] {
					t.Errorf("%s: %q may be seen in the data", set.Position(n.Pos()), text)
				}
			}
			return true
		})
	}
}

// isError reports whether the call makes an error, or ends the program: its text
// stays here.
func isError(call *ast.CallExpr) bool {
	if f, ok := call.Fun.(*ast.Ident); ok {
		return f.Name == "panic"
	}
	f, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	on, ok := f.X.(*ast.Ident)
	return ok && (on.Name == "errors" || on.Name == "fmt" && f.Sel.Name == "Errorf")
}
