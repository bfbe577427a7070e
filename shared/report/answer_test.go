package report_test

import (
	"slices"
	"testing"

	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/report"
)

func TestVerdict(t *testing.T) {
	found := func(codes ...catalog.Code) (fs []report.Finding) {
		for _, c := range codes {
			fs = append(fs, report.NewFinding(c, "so"))
		}
		return fs
	}
	answered := fault.Source{Name: "redis"}
	silent := fault.Source{Name: "ingest 2", Err: &fault.Failure{Class: fault.Timeout}}
	for name, c := range map[string]struct {
		findings []report.Finding
		sources  []fault.Source
		want     catalog.Verdict
		because  string
	}{
		"nothing found, all answered":        {nil, []fault.Source{answered}, catalog.OK, ""},
		"nothing found, one silent":          {nil, []fault.Source{answered, silent}, catalog.Unknown, "no answer from ingest 2"},
		"two silent":                         {nil, []fault.Source{silent, silent}, catalog.Unknown, "no answer from ingest 2, ingest 2"},
		"harmless finding, one silent":       {found(catalog.RateNearLimit), []fault.Source{silent}, catalog.Unknown, "no answer from ingest 2"},
		"harmless finding":                   {found(catalog.RateNearLimit), nil, catalog.OK, ""},
		"attention, one silent":              {found(catalog.RateLimited), []fault.Source{silent}, catalog.Attention, ""},
		"own source missing":                 {found(catalog.SrcAPITimeout), nil, catalog.Unknown, ""},
		"attention beats missing":            {found(catalog.SrcAPITimeout, catalog.RateLimited), nil, catalog.Attention, ""},
		"critical beats all":                 {found(catalog.RateLimited, catalog.CBOpen, catalog.SrcAPITimeout), nil, catalog.CriticalVerdict, ""},
		"critical, but on something assumed": {[]report.Finding{report.NewFinding(catalog.CBOpen, "so").Unsure()}, nil, catalog.Unknown, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := report.Answer[struct{}]{Findings: c.findings, Sources: c.sources}
			a.Conclude()
			if a.Verdict != c.want || a.Because != c.because {
				t.Errorf("got %s because %q, want %s because %q", a.Verdict, a.Because, c.want, c.because)
			}
		})
	}
}

func TestWhatCouldNotBeFoundOutIsNeverOK(t *testing.T) {
	for name, c := range map[string]struct {
		findings []report.Finding
		want     catalog.Verdict
	}{
		"nothing found":     {nil, catalog.Unknown},
		"something harmful": {[]report.Finding{report.NewFinding(catalog.CBOpen, "so")}, catalog.CriticalVerdict},
	} {
		t.Run(name, func(t *testing.T) {
			const because = "HALF_OPEN says nothing of recovery"
			a := report.Answer[struct{}]{Findings: c.findings, Because: because}
			a.Conclude()
			if a.Verdict != c.want || a.Because != because {
				t.Errorf("got %s because %q, want %s because %q", a.Verdict, a.Because, c.want, because)
			}
		})
	}
}

func TestCausesComeFirstAndTheWorstFirst(t *testing.T) {
	a := report.Answer[struct{}]{Findings: []report.Finding{
		report.NewFinding(catalog.SrcAPITimeout, "source"),
		report.NewFinding(catalog.CBOpen, "symptom"),
		report.NewFinding(catalog.RateLimited, "medium cause"),
		report.NewFinding(catalog.RateKeyNoTTLBlocking, "critical cause"),
	}}
	a.Conclude()
	var got []string
	for _, f := range a.Findings {
		got = append(got, f.Claim)
	}
	if want := []string{"critical cause", "medium cause", "symptom", "source"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRuledOutAreTheRulesThatRanAndFoundNothing(t *testing.T) {
	a := report.Answer[struct{}]{Findings: []report.Finding{report.NewFinding(catalog.CBOpen, "so")}}
	a.Conclude(catalog.CBOpen, catalog.CBDisabled, catalog.CBDisabled)
	if want := []catalog.Code{catalog.CBDisabled}; !slices.Equal(a.RuledOut, want) {
		t.Errorf("got %v, want %v", a.RuledOut, want)
	}
}

func TestUnknownCodePanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("it was taken")
		}
	}()
	report.NewFinding("NO_SUCH_CODE", "x")
}
