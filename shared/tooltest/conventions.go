package tooltest

import (
	"encoding/json"
	"strings"
	"testing"

	"payops-mcp/shared/tool"
)

// Conventions checks what every tool keeps: complete and true hints, a schema
// that is closed and describes each argument, unknown arguments refused with the
// valid ones, and examples that the schema takes.
func Conventions(t *testing.T, c *Client, tools []tool.Tool) {
	t.Helper()
	listed := c.List(t)
	if len(listed) != len(tools) {
		t.Fatalf("%d tools are listed, %d declared", len(listed), len(tools))
	}
	for _, l := range listed {
		t.Run(l.Name, func(t *testing.T) {
			a := l.Annotations
			if a.ReadOnlyHint == nil || a.DestructiveHint == nil || a.IdempotentHint == nil || a.OpenWorldHint == nil {
				t.Error("an annotation is missing; hosts assume the worst")
			} else if *a.ReadOnlyHint && *a.DestructiveHint {
				t.Error("read-only and destructive at once")
			}
			if strings.Contains(l.Description, "\n") {
				t.Error("the description is more than one paragraph")
			}
			if n := strings.Count(l.Description, ". "); n > 3 {
				t.Errorf("the description has %d sentences, want 4 at most", n+1)
			}
			var s struct {
				Type       string
				Properties map[string]struct{ Description string }
				Closed     *bool `json:"additionalProperties"`
			}
			raw, err := json.Marshal(l.InputSchema)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(raw, &s); err != nil {
				t.Fatal(err)
			}
			if s.Type != "object" || s.Closed == nil || *s.Closed {
				t.Errorf("the schema is not a closed object: %s", raw)
			}
			for name, p := range s.Properties {
				if p.Description == "" {
					t.Errorf("argument %s has no description", name)
				}
			}
			if r := c.Call(t, l.Name, `{"no_such_argument_":1}`); !r.IsError || !strings.Contains(r.Text, "no_such_argument_") {
				t.Errorf("an unknown argument was answered with %q", r.Text)
			}
		})
	}
	for _, declared := range tools {
		if len(declared.Spec.Examples) == 0 {
			t.Errorf("%s has no example", declared.Spec.Name)
		}
		for _, e := range declared.Spec.Examples {
			if err := declared.Accepts(e); err != nil {
				t.Errorf("%s refuses its own example %s: %v", declared.Spec.Name, e, err)
			}
		}
	}
}
