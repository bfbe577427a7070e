package e2e

import (
	"cmp"
	"context"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"payops-mcp/sandbox/drill"
	"payops-mcp/sandbox/incident"
	"payops-mcp/sandbox/stack"
	"payops-mcp/shared/catalog"
)

// cheatsAs is the setting that makes this test program a server that answers
// without looking.
const cheatsAs = "PAYOPS_TEST_CHEAT"

// cheat is one way to answer without looking: what is said to every question.
type cheat struct {
	about   string
	verdict catalog.Verdict
	codes   func(family string) []catalog.Code
}

// The cheats, by name.
var cheats = map[string]cheat{
	"ok":       {"says ok to all", catalog.OK, nil},
	"critical": {"says critical to all", catalog.CriticalVerdict, nil},
	"unknown":  {"never knows", catalog.Unknown, nil},
	"codes": {"reports every code", catalog.CriticalVerdict, func(string) (all []catalog.Code) {
		for _, e := range catalog.All() {
			all = append(all, e.Code)
		}
		return all
	}},
	"family": {"reports every code that is a root in the family", catalog.CriticalVerdict, func(family string) (all []catalog.Code) {
		for _, i := range incident.All() {
			if strings.HasPrefix(i.ID, family+"-") {
				all = append(all, i.Row().Root...)
			}
		}
		return slices.Compact(slices.Sorted(slices.Values(all)))
	}},
}

// serveCheat is what the test program does when it is started as a server.
func serveCheat(settings string) error {
	name, family, _ := strings.Cut(settings, " ")
	how := cheats[name]
	var codes []catalog.Code
	if how.codes != nil {
		codes = how.codes(family)
	}
	text := "what it is\nverdict: " + string(how.verdict)
	findings := []map[string]any{}
	// Causes first and worst first, each with advice, as a server that looks would.
	slices.SortStableFunc(codes, func(a, b catalog.Code) int { return cmp.Compare(order(a), order(b)) })
	for _, c := range codes {
		e, _ := catalog.Find(c)
		text += "\n" + string(c)
		findings = append(findings, map[string]any{"code": c, "kind": e.Kind, "severity": e.Severity, "next_steps": []string{"Look at it"}})
	}
	s := server.NewMCPServer("cheat", "1", server.WithToolCapabilities(false))
	tools := map[string]bool{}
	for _, a := range drill.EveryQuestion(rand.New(rand.NewPCG(0, 0))) {
		tools[a.Tool] = true
	}
	for _, name := range []string{"inspect_consumer_lag", "trace_payment", "query_metrics"} {
		tools[name] = true
	}
	for name := range tools {
		s.AddTool(mcp.NewTool(name), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			res := mcp.NewToolResultText(text)
			res.StructuredContent = map[string]any{"verdict": how.verdict, "findings": findings,
				"sources": []map[string]any{{"name": "everything", "ok": true, "next": "Look at it"}}}
			return res, nil
		})
	}
	return server.ServeStdio(s)
}

// order puts causes before symptoms before sources, the worst first.
func order(c catalog.Code) int {
	e, _ := catalog.Find(c)
	return 10*slices.Index([]catalog.Kind{catalog.Cause, catalog.Symptom, catalog.Source}, e.Kind) + e.Severity.Rank()
}

// cheatedOn are incidents of many families that are soon injected, and near misses.
var cheatedOn = []string{"CB-07", "CB-11", "OB-04", "LG-01", "LG-12", "ST-02", "RF-01", "ID-02", "SH-01", "RD-01", "RD-05", "TS-12", "TS-05", "NM-03", "NM-08", "NM-09", "NM-13"}

// A server that does not look is right about next to nothing. Each is a real program,
// spoken to and judged as the servers are.
func TestServersThatCheat(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := static.running(t)
	names := slices.Sorted(maps.Keys(cheats))
	scores := map[string]*drill.Score{}
	for _, id := range cheatedOn {
		i, err := incident.Get(id)
		if err != nil {
			t.Fatal(err)
		}
		for name, wrong := range cheated(t, s, i, self, names) {
			if scores[name] == nil {
				scores[name] = &drill.Score{}
			}
			if wrong == 0 {
				t.Logf("a server that %s is right about %s", cheats[name].about, id)
			}
			scores[name].Note(i.Row().Healthy(), wrong == 0)
		}
	}
	for _, name := range names {
		t.Logf("a server that %s: %+v, score %.3f", cheats[name].about, *scores[name], scores[name].Value())
		if scores[name].Right > 0 || scores[name].Value() > 0 {
			t.Errorf("a server that %s scores %.3f", cheats[name].about, scores[name].Value())
		}
	}
}

// cheated has an incident happen, and returns how many mistakes each cheat makes.
func cheated(t *testing.T, s *stack.Stack, i incident.Incident, program string, names []string) map[string]int {
	t.Helper()
	d := drill.NewDesk(s, func(string) (string, error) { return program, nil })
	defer func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}()
	e, err := drill.Begin(t.Context(), &incident.World{Stack: s, Rand: random(t)}, i)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.End(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	family, _, _ := strings.Cut(i.ID, "-")
	mistakes := map[string]int{}
	for _, name := range names {
		with := drill.Settings{}
		with.Add(e.Did.Asks, map[string]string{cheatsAs: name + " " + family})
		if err := d.Configure(with); err != nil {
			t.Fatal(err)
		}
		replies, err := d.Ask(t.Context(), e.Did.Asks...)
		if err != nil {
			t.Fatal(err)
		}
		mistakes[name] = len(incident.Assess([]incident.Happening{e.Happening()}, drill.Said(replies)))
	}
	return mistakes
}
