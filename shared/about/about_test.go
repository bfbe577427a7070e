package about_test

import (
	"strings"
	"testing"
	"time"

	"payops-mcp/shared/about"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/env"
	"payops-mcp/shared/serve"
	"payops-mcp/shared/tool"
	"payops-mcp/shared/tooltest"
)

var values = []env.Value{
	{Setting: env.Setting{Name: "API_BASE_URL"}, Value: "http://a:8080,http://user:pa$$@b:8080", From: "environment"},
	{Setting: env.Setting{Name: "API_BEARER_TOKEN", Secret: true}, Value: "***", From: "file"},
	{Setting: env.Setting{Name: "REDIS_URL"}, Value: "redis://:hunter2@r:6379/0\x1b|", From: "environment"},
	{Setting: env.Setting{Name: "PAYOPS_TIMEZONE"}, Value: "local", From: "default"},
	{Setting: env.Setting{Name: "RUNBOOK_DIR"}, From: "unset"},
}

func both() []tool.Tool { return []tool.Tool{about.ExplainFinding(), about.ShowConfig(values)} }

func connect(t *testing.T) *tooltest.Client {
	t.Helper()
	app := serve.App{Name: "test", Common: &env.Common{CallTimeout: time.Minute, MaxResultBytes: 60000}}
	return tooltest.Connect(t, app, both()...)
}

func TestConventions(t *testing.T) { tooltest.Conventions(t, connect(t), both()) }

func TestShowConfigHidesWhatAuthenticates(t *testing.T) {
	r := connect(t).Call(t, "show_config", `{}`)
	resource, _, err := tooltest.NewWith(t, 60000, about.Resources(values)...).Read(t, "payops://config")
	if err != nil {
		t.Fatal(err)
	}
	for form, text := range map[string]string{"text": r.Text, "structured": string(r.Structured), "resource": resource} {
		for _, secret := range []string{"hunter2", "pa$$", "\x1b"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s tells %q: %s", form, secret, text)
			}
		}
		for _, want := range []string{"http://a:8080,http://***@b:8080", "redis://***@r:6379/0", "API_BEARER_TOKEN", "unset", "default"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not tell %q: %s", form, want, text)
			}
		}
	}
	if !strings.HasPrefix(r.Text, "5 settings, 3 of them set") {
		t.Error(r.Text)
	}
}

func TestEveryFindingIsExplained(t *testing.T) {
	c := connect(t)
	documents := tooltest.NewWith(t, 60000, about.Resources(nil)...)
	list, _, err := documents.Read(t, "payops://findings")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range catalog.All() {
		r := c.Call(t, "explain_finding", `{"code":"`+strings.ToLower(string(e.Code))+`"}`)
		if r.IsError || !strings.HasPrefix(r.Text, string(e.Code)+" - a ") || !strings.Contains(r.Text, catalog.Section(e.Code)) {
			t.Errorf("%s: %s", e.Code, r.Text)
		}
		if !strings.Contains(list, "| "+string(e.Code)+" | "+string(e.Kind)+" |") {
			t.Errorf("%s is not in the list", e.Code)
		}
		if page, _, err := documents.Read(t, "payops://findings/"+string(e.Code)); err != nil || !strings.HasPrefix(page, "# "+string(e.Code)+"\n") {
			t.Errorf("%s: %q %v", e.Code, page, err)
		}
	}
}

func TestWhatFollowsAndWhatIsBehind(t *testing.T) {
	type meaning struct {
		Explains    []string
		ExplainedBy []string `json:"explained_by"`
	}
	a := tooltest.Decode[meaning](t, connect(t).Call(t, "explain_finding", `{"code":" outbox_poller_stalled"}`))
	if got := strings.Join(a.Data.Explains, " "); !strings.Contains(got, "OUTBOX_BACKLOG") {
		t.Errorf("explains %s", got)
	}
	if got := strings.Join(a.Data.ExplainedBy, " "); !strings.Contains(got, "OUTBOX_LOCK_STUCK") {
		t.Errorf("explained by %s", got)
	}
}

func TestAFindingThatIsNone(t *testing.T) {
	c := connect(t)
	for code, want := range map[string]string{"OUTBOX_BACKLOGS": "did you mean OUTBOX_BACKLOG?", "x": `there is no finding "x"`} {
		if r := c.Call(t, "explain_finding", `{"code":"`+code+`"}`); !r.IsError || !strings.Contains(r.Text, want) || !strings.HasPrefix(r.Text, "not_found: ") {
			t.Errorf("%s: %s", code, r.Text)
		}
	}
}
