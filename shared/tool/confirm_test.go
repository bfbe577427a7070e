package tool_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"payops-mcp/shared/env"
	"payops-mcp/shared/report"
	"payops-mcp/shared/serve"
	"payops-mcp/shared/tool"
	"payops-mcp/shared/tooltest"
)

type wipeIn struct {
	What string `json:"what" jsonschema:"which thing"`
}

type wipeData struct {
	Consent tool.Consent `json:"consent"`
	Client  string       `json:"client"`
}

// wipe asks before it answers.
var wipe = tool.Change(tool.Spec{Name: "wipe_thing", Title: "Wipe a thing", Description: "Wipes.", Examples: []string{`{"what":"x"}`}},
	func(ctx context.Context, in wipeIn) (report.Answer[wipeData], error) {
		a := report.Answer[wipeData]{Summary: "asked"}
		consent, err := tool.Confirm(ctx, in.What, "Wipe "+in.What+"?", "Wipe it")
		if err != nil {
			return a, err
		}
		a.Data = wipeData{Consent: consent, Client: tool.Client(ctx).String()}
		a.Conclude()
		return a, nil
	})

func TestAPersonIsAskedWhereTheClientCan(t *testing.T) {
	app := serve.App{Name: "test", Common: &env.Common{CallTimeout: 200 * time.Millisecond, MaxResultBytes: 60000}}
	for name, c := range map[string]struct {
		says tooltest.Reply
		want tool.Consent
	}{
		"yes":               {tooltest.Agree, tool.Agreed},
		"the box is empty":  {tooltest.Reply{Action: "accept", Form: map[string]any{"confirm": false}}, tool.Declined},
		"nothing filled in": {tooltest.Reply{Action: "accept"}, tool.Declined},
		"no":                {tooltest.Decline, tool.Declined},
		"closed":            {tooltest.Close, tool.Declined},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			c2 := tooltest.ConnectAnswering(t, app, func(question string) tooltest.Reply {
				if asked++; question != "Wipe x?" {
					t.Errorf("asked %q", question)
				}
				<-time.After(2 * app.Common.CallTimeout) // a person's time is not the call's
				return c.says
			}, wipe)
			a := tooltest.Decode[wipeData](t, c2.Call(t, "wipe_thing", `{"what":"x"}`))
			if a.Data.Consent != c.want || asked != 1 {
				t.Errorf("%s after %d questions, want %s", a.Data.Consent, asked, c.want)
			}
			if !strings.HasPrefix(a.Data.Client, "tooltest") {
				t.Errorf("the client is %q", a.Data.Client)
			}
		})
	}
	a := tooltest.Decode[wipeData](t, tooltest.Connect(t, app, wipe).Call(t, "wipe_thing", `{"what":"x"}`))
	if a.Data.Consent != tool.NotAsked {
		t.Errorf("a client that cannot ask: %s", a.Data.Consent)
	}
}

func TestAChangeSaysSo(t *testing.T) {
	app := serve.App{Name: "test", Common: &env.Common{CallTimeout: time.Second, MaxResultBytes: 60000}}
	c := tooltest.Connect(t, app, wipe)
	tooltest.Conventions(t, c, []tool.Tool{wipe})
	l := c.List(t)[0]
	if a := l.Annotations; *a.ReadOnlyHint || !*a.DestructiveHint || *a.IdempotentHint || *a.OpenWorldHint {
		t.Errorf("%+v", a)
	}
	if l.Meta == nil || l.Meta.AdditionalFields["anthropic/requiresUserInteraction"] != true {
		t.Errorf("_meta is %+v", l.Meta)
	}
}
