package report_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
)

func lines(n int, text string) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("%d %s", i, text))
	}
	return all
}

// fat is an answer with n of everything.
func fat(n int) report.Answer[[]tableRow] {
	long := strings.Repeat("x", 150)
	a := report.Answer[[]tableRow]{Summary: "fat", Coverage: report.Coverage{Looked: lines(n, long), Not: lines(n, long), Cursor: "page2"}}
	f := report.NewFinding(catalog.CBOpen, "open %s", long).Then(lines(n, long)...)
	for range n {
		a.Data = append(a.Data, tableRow{Name: foreign.Text(long)})
		f = f.With("ingest", long, long, time.Time{})
		a.RuledOut = append(a.RuledOut, catalog.CBDisabled)
		a.Sources = append(a.Sources, fault.Source{Name: long, Asked: long, Err: &fault.Failure{Class: fault.Timeout, Said: foreign.Text(long), Next: long}})
	}
	for range n {
		a.Findings = append(a.Findings, f)
	}
	a.Verdict = catalog.CriticalVerdict
	return a
}

func TestAnswersFitWhateverIsHuge(t *testing.T) {
	long := strings.Repeat("환", 20000)
	only := func(change func(*report.Answer[[]tableRow])) report.Answer[[]tableRow] {
		a := report.Answer[[]tableRow]{Summary: "huge", Verdict: catalog.CriticalVerdict, Data: []tableRow{{ID: 7}}}
		change(&a)
		return a
	}
	whole := fat(40)
	for name, a := range map[string]report.Answer[[]tableRow]{
		"everything": whole,
		"facts":      only(func(a *report.Answer[[]tableRow]) { a.Data = fat(2000).Data }),
		"findings":   only(func(a *report.Answer[[]tableRow]) { a.Findings = whole.Findings }),
		"evidence":   only(func(a *report.Answer[[]tableRow]) { a.Findings = whole.Findings[:1] }),
		"ruled out":  only(func(a *report.Answer[[]tableRow]) { a.RuledOut = make([]catalog.Code, 30000) }),
		"sources":    only(func(a *report.Answer[[]tableRow]) { a.Sources = fat(200).Sources }),
		"coverage":   only(func(a *report.Answer[[]tableRow]) { a.Coverage = fat(500).Coverage }),
		"sentences": only(func(a *report.Answer[[]tableRow]) {
			a.Summary, a.Because, a.Coverage = long, long, report.Coverage{Window: long, More: long}
			a.Findings = []report.Finding{report.NewFinding(catalog.CBOpen, long).With(long, long, long, time.Time{}).Hurts(long).Then(long)}
			a.Sources = []fault.Source{{Name: long, Asked: long, Err: &fault.Failure{Class: fault.Auth, Said: foreign.Text(long), Next: long}}}
		}),
	} {
		for _, limit := range []int{4000, 60000} {
			t.Run(fmt.Sprintf("%s in %d", name, limit), func(t *testing.T) {
				text, structured := a.Render(limit)
				if len(text) > limit || len(structured) > limit {
					t.Errorf("text %d bytes, structure %d", len(text), len(structured))
				}
				if !json.Valid(structured) {
					t.Fatal("no JSON")
				}
				uncut, _ := a.Render(1 << 30)
				if uncut == text {
					return // it fits as it is
				}
				for form, s := range map[string]string{"text": text, "structure": string(structured)} {
					if !strings.Contains(s, fmt.Sprintf("capped at %d bytes", limit)) || !strings.Contains(s, "critical") {
						t.Errorf("%s does not say what is left, or lost the verdict:\n%.600s", form, s)
					}
				}
			})
		}
	}
}

// What is huge is cut, not the rest.
func TestOnlyTheLongestIsCut(t *testing.T) {
	a := fat(3)
	a.Findings = a.Findings[:1]
	for len(a.Findings[0].Evidence) < 1000 {
		a.Findings[0] = a.Findings[0].With("ingest", "GET /x", "503", time.Time{})
	}
	text, structured := a.Render(20000)
	_, coverage, _ := strings.Cut(text, "\ncoverage: ")
	if !strings.Contains(coverage, "findings[0].evidence: ") || !strings.Contains(coverage, " of 1000 shown") || strings.Count(coverage, "shown") != 1 {
		t.Errorf("coverage: %s", coverage)
	}
	var got struct{ Data, Sources []any }
	if err := json.Unmarshal(structured, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Data) != 3 || len(got.Sources) != 3 {
		t.Errorf("%d facts and %d sources are left of 3", len(got.Data), len(got.Sources))
	}
}

// Evidence goes before a finding does, and the findings that are well or mild before
// a cause or a source that did not answer; what went is named.
func TestTheWorstFindingsAreLeft(t *testing.T) {
	long := strings.Repeat("x", 150)
	a := report.Answer[[]tableRow]{Summary: "much", Verdict: catalog.CriticalVerdict}
	for _, code := range []catalog.Code{catalog.CBHalfOpenStarved, catalog.CBOpen, catalog.IngestNoTraffic, catalog.Ingest429Spike, catalog.SrcPartialResult, catalog.CBForcedOpen, catalog.DBSchemaDrift, catalog.CBDisabled} {
		f := report.NewFinding(code, "%s", long)
		for range 6 {
			f = f.With("ingest", "GET /x", long, time.Time{}).Then(long)
		}
		a.Findings = append(a.Findings, f)
	}
	codes := func(limit int) (left []string, structured string) {
		_, j := a.Render(limit)
		var got struct {
			Findings []struct {
				Code     string
				Evidence []any
			}
		}
		if err := json.Unmarshal(j, &got); err != nil {
			t.Fatal(err)
		}
		for _, f := range got.Findings {
			if left = append(left, f.Code); len(f.Evidence) == 0 {
				t.Errorf("%s has no evidence left", f.Code)
			}
		}
		return left, string(j)
	}
	if left, text := codes(9000); len(left) != 8 || !strings.Contains(text, "findings[0].evidence: ") {
		t.Errorf("%d of 8 findings are left where evidence could go: %v", len(left), left)
	}
	left, text := codes(4500)
	if want := "CB_OPEN CB_FORCED_OPEN DB_SCHEMA_DRIFT CB_DISABLED"; strings.Join(left, " ") != want {
		t.Errorf("left are %v, want %s", left, want)
	}
	for _, says := range []string{"4 of 8 shown, without SRC_PARTIAL_RESULT, ", "CB_HALF_OPEN_STARVED", "INGEST_NO_TRAFFIC", "findings[1].evidence: 1 of 6 shown"} {
		if !strings.Contains(text, says) {
			t.Errorf("it does not say %q:\n%s", says, text)
		}
	}
	if strings.Contains(text, "findings[4].") {
		t.Errorf("it speaks of parts of findings that are gone:\n%s", text)
	}
	a.Findings = append(a.Findings[:5:5], a.Findings[4:]...)
	a.Findings = slices.DeleteFunc(a.Findings, func(f report.Finding) bool { return f.Verdict == catalog.Attention })
	if left, _ := codes(3300); slices.Contains(left, "CB_HALF_OPEN_STARVED") || !slices.Contains(left, "SRC_PARTIAL_RESULT") {
		t.Errorf("a mild finding was kept before a missing source: %v", left)
	}
}

// The cursor points behind facts that were left out here: following it would
// skip them without a word.
func TestCursorIsWithdrawnWhenFactsAreCut(t *testing.T) {
	a := fat(1)
	a.Data = fat(1000).Data
	a.Coverage.More = "pass cursor"
	text, structured := a.Render(8000)
	if strings.Contains(text, "page2") || strings.Contains(string(structured), "page2") || strings.Contains(text, "pass cursor") {
		t.Errorf("the cursor is still there:\n%s", text)
	}
	if !strings.Contains(text, "smaller limit") {
		t.Errorf("how to get the rest is not said:\n%s", text)
	}
}

func TestRenderLeavesTheAnswerAsItWas(t *testing.T) {
	a := fat(20)
	before, _ := a.Render(1 << 30)
	a.Render(4000)
	if after, _ := a.Render(1 << 30); after != before {
		t.Error("rendering with a cap changed the answer")
	}
}
