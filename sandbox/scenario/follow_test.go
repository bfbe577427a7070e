package scenario

import (
	"slices"
	"strings"
	"testing"

	"payops-mcp/shared/catalog"
	"payops-mcp/shared/prompts"
)

func found(codes ...catalog.Code) (some []Finding) {
	for _, c := range codes {
		e, ok := catalog.Find(c)
		if !ok {
			panic(c)
		}
		some = append(some, Finding{Code: c, Kind: e.Kind, Severity: e.Severity})
	}
	return some
}

func TestWhenAnInvestigationIsSettled(t *testing.T) {
	for name, c := range map[string]struct {
		found   []Finding
		settled bool
		roots   []catalog.Code
	}{
		"nothing":                         {nil, false, nil},
		"a symptom alone":                 {found(catalog.SettlementMissing), false, nil},
		"a cause alone":                   {found(catalog.RateLimited), true, []catalog.Code{catalog.RateLimited}},
		"a cause and its symptom":         {found(catalog.SettlementMissing, catalog.ConsumerGroupEmpty), true, []catalog.Code{catalog.ConsumerGroupEmpty}},
		"a cause and another's symptom":   {found(catalog.OutboxBacklog, catalog.RateLimited), false, []catalog.Code{catalog.RateLimited}},
		"a cause of a cause":              {found(catalog.PGAuthBreakerOpen, catalog.PGAuthDegradedSlow), true, []catalog.Code{catalog.PGAuthDegradedSlow}},
		"the same cause of several tools": {found(catalog.RateLimited, catalog.RateLimited), true, []catalog.Code{catalog.RateLimited}},
		"a harmless symptom":              {found(catalog.Ingest429Spike, catalog.PGAuthFailures), true, []catalog.Code{catalog.PGAuthFailures}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := settled(c.found); got != c.settled {
				t.Errorf("settled: %v", got)
			}
			var got []catalog.Code
			for _, f := range roots(c.found) {
				got = append(got, f.Code)
			}
			if !slices.Equal(got, c.roots) {
				t.Errorf("roots %v, want %v", got, c.roots)
			}
		})
	}
}

func TestStepsOfAPrompt(t *testing.T) {
	const text = `Something is wrong.

1. first_tool payment_id=7 merchant_id=M-1: what first_tool is for (a-mcp)
2. other_tool and no_tool, when it is late (b-mcp)

Rules: second_tool`
	lists := func(_, tool string) bool { return tool == "first_tool" || tool == "other_tool" }
	got := steps(text, lists)
	if len(got) != 2 || got[0].server != "a-mcp" || got[1].server != "b-mcp" {
		t.Fatalf("got %+v", got)
	}
	if w := got[0].calls[0]; w.tool != "first_tool" || w.args["payment_id"] != "7" || w.args["merchant_id"] != "M-1" {
		t.Errorf("got %+v", w)
	}
	if len(got[1].calls) != 1 || got[1].calls[0].tool != "other_tool" {
		t.Errorf("got %+v", got[1].calls)
	}
}

// Each prompt of the servers can be followed: its steps name tools.
func TestThePromptsCanBeFollowed(t *testing.T) {
	args := map[string]string{"payment_id": "7", "merchant_id": "M-1", "action": "refund", "time_range": "15m"}
	for _, p := range prompts.All() {
		all := steps(p.Text(args), func(_, tool string) bool { return strings.Contains(tool, "_") })
		if len(all) < 5 {
			t.Errorf("%s has %d steps", p.Name, len(all))
		}
		for n, s := range all {
			if len(s.calls) == 0 || !strings.HasSuffix(s.server, "-mcp") {
				t.Errorf("%s, step %d: %+v", p.Name, n+1, s)
			}
		}
	}
}

func TestOutline(t *testing.T) {
	const transcript = `POST /payments/authorize {"amount":1}
prompt payment_stuck {"payment_id":"3854123"}

# step 1 of payment_stuck
> dbquery-mcp trace_payment {"payment_id":3854123}
payment 3854123 on shard1
verdict: attention
1. SETTLEMENT_MISSING [high symptom] 1 payment
   evidence: x

# confirm_with of SETTLEMENT_MISSING
> circuitbreaker-mcp inspect_consumer_lag {"group":"g"}
verdict: critical (because)

= CONSUMER_GROUP_EMPTY: g is Empty
`
	got, err := Outline(transcript)
	want := []string{
		"prompt payment_stuck",
		"step 1 of payment_stuck", `> dbquery-mcp trace_payment {"payment_id":"the prompt's"}`, "attention", "SETTLEMENT_MISSING [high symptom]",
		"confirm_with of SETTLEMENT_MISSING", `> circuitbreaker-mcp inspect_consumer_lag {"group":"g"}`, "critical",
		"CONSUMER_GROUP_EMPTY",
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v\ngot  %q\nwant %q", err, got, want)
	}
	for _, bad := range []string{"", "prompt x {\"a\":}", "> a b {\"x\":"} {
		if got, err := Outline(bad); err == nil {
			t.Errorf("%q was taken: %q", bad, got)
		}
	}
}

func TestWhatIsKnownForAnArgument(t *testing.T) {
	v := investigator{Investigation: Investigation{Args: map[string]string{"merchant_id": "M-1"}}}
	v.data = []any{map[string]any{"groups": []any{map[string]any{"group": "a-group"}, map[string]any{"group": "b-group", "lag": 3854123.0}}}}
	for _, c := range []struct{ name, claim, want string }{
		{"merchant_id", "", "M-1"},
		{"group", "b-group is Empty", "b-group"},
		{"group", "", "a-group"},
		{"lag", "", "3854123"},
		{"topic", "", ""},
	} {
		if got, ok := v.known(c.name, c.claim); got != c.want || ok != (c.want != "") {
			t.Errorf("%s of %q: %q, %v", c.name, c.claim, got, ok)
		}
	}
}
