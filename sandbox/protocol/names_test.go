package protocol_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"payops-mcp/sandbox/binaries"
	"payops-mcp/sandbox/incident"
)

// everyTool lists the tools of all three servers, those included that are not
// there unless they are allowed: server, tool, names of its arguments.
func everyTool(t *testing.T) map[string]map[string][]string {
	t.Helper()
	all := map[string]map[string][]string{}
	for _, s := range servers {
		program, err := binaries.Path(s.name)
		if err != nil {
			t.Fatal(err)
		}
		p := start(t, program, "DB_ALLOW_RUN_SELECT=true")
		p.send(`{"jsonrpc":"2.0","id":"list","method":"tools/list"}`)
		a, ok := p.await("list", initializeTimeout)
		var list struct {
			Tools []struct {
				Name        string
				InputSchema struct{ Properties map[string]any }
			}
		}
		if err := json.Unmarshal(a.Result, &list); !ok || err != nil {
			t.Fatalf("tools/list: %v in %s", err, a.Result)
		}
		all[s.name] = map[string][]string{}
		for _, tool := range list.Tools {
			all[s.name][tool.Name] = slices.Collect(maps.Keys(tool.InputSchema.Properties))
		}
	}
	return all
}

// TestConfirmWithNamesATool reads the servers' code: what a finding sends a reader
// to must be a tool of one of the three.
func TestConfirmWithNamesATool(t *testing.T) {
	var known []string
	for _, tools := range everyTool(t) {
		known = slices.AppendSeq(known, maps.Keys(tools))
	}
	found := 0
	for _, s := range servers {
		root := filepath.Join("..", "..", s.name)
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				if f, ok := call.Fun.(*ast.SelectorExpr); !ok || f.Sel.Name != "ConfirmWith" {
					return true
				}
				literal, ok := call.Args[0].(*ast.BasicLit)
				if !ok {
					return true // chosen when it runs: the incidents see it
				}
				name, err := strconv.Unquote(literal.Value)
				found++
				if err != nil || !slices.Contains(known, name) {
					t.Errorf("%s: no server has a tool %s", set.Position(literal.Pos()), literal.Value)
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found < 20 {
		t.Errorf("only %d places were found", found)
	}
}

// TestTheJudgeKnowsTheTools holds the tools that the judge of incidents lets a finding
// name against those that are there unless they must be allowed.
func TestTheJudgeKnowsTheTools(t *testing.T) {
	listed := map[string]bool{}
	for _, tools := range everyTool(t) {
		for name := range tools {
			listed[name] = true
		}
	}
	delete(listed, "run_select")
	if want, known := slices.Sorted(maps.Keys(listed)), incident.ToolNames(); !slices.Equal(known, want) {
		t.Errorf("the judge knows %v, the servers list %v", known, want)
	}
}

var (
	stepLine = regexp.MustCompile(`(?m)^\d+\. (.*) \(([a-z]+-mcp)\)$`)
	// word is the name of a tool, or an argument before its value.
	word = regexp.MustCompile(`\b[a-z]+(?:_[a-z0-9]+)+\b=?`)
)

// TestPromptsLeadToTools asks each server for each of its prompts: every step names
// a tool of the server that it names, with arguments that the tool takes.
func TestPromptsLeadToTools(t *testing.T) {
	tools := everyTool(t)
	each(t, func(t *testing.T, _ server, program string) {
		p := start(t, program)
		for prompt, given := range map[string]string{
			"payment_stuck":        `{"payment_id":"12345"}`,
			"api_slow":             `{"time_range":"2h"}`,
			"merchant_429":         `{"merchant_id":"MERCHANT_X","action":"refund"}`,
			"investigate_incident": `{"symptom":"refunds do not arrive"}`,
		} {
			p.send(`{"jsonrpc":"2.0","id":"` + prompt + `","method":"prompts/get","params":{"name":"` + prompt + `","arguments":` + given + `}}`)
			a, ok := p.await(prompt, promptly)
			var got struct {
				Messages []struct{ Content struct{ Text string } }
			}
			if !ok || json.Unmarshal(a.Result, &got) != nil || len(got.Messages) != 1 {
				t.Fatalf("%s: %+v", prompt, a)
			}
			steps := stepLine.FindAllStringSubmatch(got.Messages[0].Content.Text, -1)
			if len(steps) < 4 {
				t.Errorf("%s has %d steps", prompt, len(steps))
			}
			for _, step := range steps {
				tool := ""
				for _, w := range word.FindAllString(step[1], -1) {
					argument, isArgument := strings.CutSuffix(w, "=")
					switch _, isTool := tools[step[2]][w]; {
					case isTool:
						tool = w
					case isArgument && tool != "" && !slices.Contains(tools[step[2]][tool], argument):
						t.Errorf("%s: %s has no argument %s", prompt, tool, argument)
					case !isArgument:
						t.Errorf("%s: %s has no tool %s", prompt, step[2], w)
					}
				}
				if tool == "" {
					t.Errorf("%s: %q names no tool of %s", prompt, step[1], step[2])
				}
			}
		}
	})
}
