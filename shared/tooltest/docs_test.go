package tooltest_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"payops-mcp/shared/env"
	"payops-mcp/shared/report"
	"payops-mcp/shared/tool"
	"payops-mcp/shared/tooltest"
)

type listIn struct {
	Merchant string   `json:"merchant_id" jsonschema:"whose"`
	Limit    int      `json:"limit,omitempty" jsonschema:"how many" default:"10" max:"200"`
	Detail   string   `json:"detail,omitempty" jsonschema:"how much" default:"short" enum:"short,full"`
	Status   []string `json:"status,omitempty" jsonschema:"which"`
}

func tools() []tool.Tool {
	return []tool.Tool{
		tool.Read(tool.Spec{Name: "list_payments", Title: "List", Description: "Lists a|b. Says no more.", Examples: []string{`{"merchant_id":"M|1"}`}},
			func(context.Context, listIn) (report.Answer[struct{}], error) {
				return report.Answer[struct{}]{Summary: "none"}, nil
			}),
		tool.Read(tool.Spec{Name: "show_all", Title: "Show", Description: "Shows all."},
			func(context.Context, struct{}) (report.Answer[struct{}], error) {
				return report.Answer[struct{}]{Summary: "all"}, nil
			}),
	}
}

func TestToolTable(t *testing.T) {
	want := "| tool | arguments (**required**, default) | what it answers | example |\n|---|---|---|---|\n" +
		"| `list_payments` | **`merchant_id`**, `limit` (10), `detail` (short), `status` | Lists a\\|b | `{\"merchant_id\":\"M\\|1\"}` |\n" +
		"| `show_all` | none | Shows all |  |\n"
	if got := tooltest.ToolTable(tools()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestSettingsTable(t *testing.T) {
	got := tooltest.SettingsTable([]env.Setting{{Name: "URL", Default: "http://localhost", Help: "base URL"}, {Name: "TOKEN", Help: "bearer token", Secret: true}})
	want := "| setting | default | what it is |\n|---|---|---|\n| `URL` | `http://localhost` | base URL |\n| `TOKEN`, `TOKEN_FILE` | - | bearer token |\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestSection(t *testing.T) {
	path := filepath.Join(t.TempDir(), "README.md")
	write := func(s string) {
		if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const doc = "# Title\n<!-- tools: begin -->\nold\n<!-- tools: end -->\ntail <!-- other: begin -->\n"
	write(doc)
	t.Setenv("UPDATE_GOLDEN", "")
	if said := failure(func(tb testing.TB) { tooltest.Section(tb, path, "tools", "new") }); !strings.Contains(said, "UPDATE_GOLDEN=1") {
		t.Errorf("a difference was answered with %q", said)
	}
	t.Setenv("UPDATE_GOLDEN", "1")
	if said := failure(func(tb testing.TB) { tooltest.Section(tb, path, "tools", "new\n") }); said != "" {
		t.Errorf("writing failed: %s", said)
	}
	data, err := os.ReadFile(path)
	if want := "# Title\n<!-- tools: begin -->\n\nnew\n\n<!-- tools: end -->\ntail <!-- other: begin -->\n"; err != nil || string(data) != want {
		t.Errorf("%v, got\n%s", err, data)
	}
	t.Setenv("UPDATE_GOLDEN", "")
	if said := failure(func(tb testing.TB) { tooltest.Section(tb, path, "tools", "new") }); said != "" {
		t.Errorf("what was written differs: %s", said)
	}
	for name, marker := range map[string]string{"no marker": "none", "no end": "other"} {
		if said := failure(func(tb testing.TB) { tooltest.Section(tb, path, marker, "x") }); !strings.Contains(said, "want one pair") {
			t.Errorf("%s was answered with %q", name, said)
		}
	}
}

func TestConventionsHoldForWhatIsServed(t *testing.T) {
	c := tooltest.New(t, tools()[0])
	tooltest.Conventions(t, c, tools()[:1])
	if r := c.Call(t, "list_payments", map[string]any{"merchant_id": "M"}); r.IsError || !strings.HasPrefix(r.Text, "none\n") {
		t.Errorf("got %+v", r)
	}
}

// recorder is a test that only keeps what is said of it.
type recorder struct {
	testing.TB
	said string
}

func (*recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) { r.said += fmt.Sprintf(format, args...) }

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Fatal(args ...any) { r.Fatalf("%s", fmt.Sprint(args...)) }

// failure returns what a test would have said of its failure.
func failure(test func(testing.TB)) string {
	r := &recorder{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		test(r)
	}()
	<-done
	return r.said
}

func TestTheREADMEListsTheSharedSettings(t *testing.T) {
	tooltest.Section(t, "../../README.md", "shared settings", tooltest.SettingsTable(env.Settings(&env.Common{})))
}
