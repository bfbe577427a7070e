package incident

import (
	"slices"
	"strings"
	"testing"

	"payops-mcp/shared/catalog"
)

func finding(c catalog.Code) Finding {
	e, _ := catalog.Find(c)
	return Finding{Code: c, Kind: e.Kind, Severity: e.Severity, Steps: []string{"look at it"}}
}

func TestRowsUseTheCatalog(t *testing.T) {
	for _, r := range rows() {
		for _, list := range [][]catalog.Code{r.Root, r.Allow, r.Forbid} {
			for _, c := range list {
				if _, ok := catalog.Find(c); !ok {
					t.Errorf("%s names %s, which is no code", r.ID, c)
				}
			}
		}
		if r.Healthy() != (len(r.Root) == 0) {
			t.Errorf("%s: severity %q with roots %v", r.ID, r.Severity, r.Root)
		}
	}
}

func TestServersThatCheatScoreNearZero(t *testing.T) {
	servers := []string{"circuitbreaker", "dbquery", "rediscache"}
	var okToAll, everyCode, incidents int
	for _, r := range rows() {
		incidents++
		var silent, loud []Said
		for _, s := range servers {
			silent = append(silent, Said{Server: s, Tool: s, Verdict: catalog.OK, Text: "ok"})
			all := Said{Server: s, Tool: s, Verdict: catalog.CriticalVerdict}
			for _, e := range catalog.All() {
				if e.Emitter == s {
					all.Findings = append(all.Findings, finding(e.Code))
				}
			}
			loud = append(loud, all)
		}
		if len(r.Judge(silent, nil)) == 0 && !r.Healthy() {
			okToAll++
		}
		if len(r.Judge(loud, nil)) == 0 {
			everyCode++
		}
	}
	if okToAll > 0 || everyCode > 0 {
		t.Errorf("of %d incidents, a server that says ok to all passes %d, one that reports every code %d", incidents, okToAll, everyCode)
	}
}

func TestJudge(t *testing.T) {
	row, _ := Find("RD-01")
	right := Said{Server: "rediscache", Tool: "check_rate_limit", Verdict: catalog.CriticalVerdict,
		Text: "BLOCKED count 24,731 of 24000", Findings: []Finding{finding(catalog.RateKeyNoTTLBlocking)}}
	with := func(change func(*Said)) []Said {
		s := right
		s.Findings = append([]Finding(nil), right.Findings...)
		change(&s)
		return []Said{s}
	}
	for name, c := range map[string]struct {
		said []Said
		want string // empty: no mistake
	}{
		"right":                {[]Said{right}, ""},
		"error":                {with(func(s *Said) { s.IsError = true }), "failed"},
		"another verdict":      {with(func(s *Said) { s.Verdict = catalog.OK }), "concludes ok"},
		"root missing":         {with(func(s *Said) { s.Findings = nil }), "does not report RATE_KEY_NO_TTL_BLOCKING"},
		"root played down":     {with(func(s *Said) { s.Findings[0].Severity = catalog.Low }), "does not report"},
		"forbidden":            {with(func(s *Said) { s.Findings = append(s.Findings, finding(catalog.RedisDataLoss)) }), "forbidden"},
		"wrong cause":          {with(func(s *Said) { s.Findings = append(s.Findings, finding(catalog.RateKeyCorrupt)) }), "which is none"},
		"number not quoted":    {with(func(s *Said) { s.Text = "count 247310" }), "quotes 24731"},
		"no next step":         {with(func(s *Said) { s.Findings[0].Steps = nil }), "no next step"},
		"confirmed":            {with(func(s *Said) { s.Findings[0].Confirm = "trace_payment" }), ""},
		"confirmed by no tool": {with(func(s *Said) { s.Findings[0].Confirm = "check_kafka" }), "confirmed with check_kafka"},
		"too long":             {with(func(s *Said) { s.Text += strings.Repeat("x", MaxText) }), "bytes"},
		"symptom goes first":   {with(func(s *Said) { s.Findings = []Finding{finding(catalog.RateNearLimit), s.Findings[0]} }), "before its cause"},
	} {
		t.Run(name, func(t *testing.T) {
			got := strings.Join(row.Judge(c.said, []string{"24731", "24000"}), "\n")
			if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
				t.Errorf("mistakes %q, want one with %q", got, c.want)
			}
		})
	}
}

// happens is a row with what was asked because of it.
func happens(t *testing.T, id string, quotes []string, asks ...Ask) Happening {
	t.Helper()
	row, ok := Find(id)
	if !ok {
		t.Fatalf("no row %s", id)
	}
	return Happening{row, Injected{Asks: asks, Quotes: quotes}}
}

// says is an answer to a question.
func says(a Ask, v catalog.Verdict, text string, codes ...catalog.Code) Said {
	s := Said{Server: strings.TrimSuffix(a.Server, "-mcp"), Tool: a.Tool, Args: a.Args, Verdict: v, Text: text}
	for _, c := range codes {
		s.Findings = append(s.Findings, finding(c))
	}
	return s
}

// The second outage of the gateway within the hour makes no spike of 409; the outage must
// be named all the same.
func TestAssessWhatIsNotShownThisTime(t *testing.T) {
	h := happens(t, "CB-05", nil, askBreaker())
	open := says(askBreaker(), catalog.CriticalVerdict, "", catalog.PGAuthBreakerOpen)
	if got := Assess([]Happening{h}, []Said{open}); len(got) != 1 || got[0].Fault != Missed || got[0].Code != catalog.Ingest409Spike {
		t.Errorf("not told: %v", got)
	}
	h.Did.Unshown = []catalog.Code{catalog.Ingest409Spike, catalog.PGAuthBreakerOpen}
	if got := Assess([]Happening{h}, []Said{open}); len(got) != 0 {
		t.Errorf("it does not hold: %v", got)
	}
	told := says(askBreaker(), catalog.CriticalVerdict, "", catalog.PGAuthBreakerOpen, catalog.Ingest409Spike)
	if got := Assess([]Happening{h}, []Said{told}); len(got) != 0 {
		t.Errorf("told all the same: %v", got)
	}
	other := says(askBreaker(), catalog.CriticalVerdict, "")
	if got := Assess([]Happening{h}, []Said{other}); !slices.ContainsFunc(got, func(m Mistake) bool { return m.Fault == Missed && m.Code == catalog.PGAuthBreakerOpen }) {
		t.Errorf("without the root: %v", got)
	}
}

func TestAssessTwoAtATime(t *testing.T) {
	blocked, books := askRateLimit("M-700001", "authorize"), askReconciliation()
	other := askRateLimit("M-700002", "refund")
	both := []Happening{happens(t, "RD-01", []string{"24731"}, blocked), happens(t, "LG-01", []string{"17"}, books)}
	right := []Said{
		says(blocked, catalog.CriticalVerdict, "24731 of 24000", catalog.RateKeyNoTTLBlocking),
		says(books, catalog.CriticalVerdict, "17 payments", catalog.LedgerCaptureMissing),
	}
	for name, c := range map[string]struct {
		all  []Happening
		said []Said
		want Fault
	}{
		"both named":                  {both, right, ""},
		"one is not":                  {both, []Said{right[0], says(books, catalog.CriticalVerdict, "17")}, Missed},
		"a number of the other alone": {both, []Said{says(blocked, catalog.CriticalVerdict, "17", catalog.RateKeyNoTTLBlocking), says(books, catalog.CriticalVerdict, "24731", catalog.LedgerCaptureMissing)}, NotQuoted},
		"ok where one is":             {both, []Said{right[0], says(books, catalog.OK, "17", catalog.LedgerCaptureMissing)}, FalseHealthy},
		"a third":                     {both, append(right[:1:1], says(books, catalog.CriticalVerdict, "17", catalog.LedgerCaptureMissing, catalog.LedgerDirectionReversed)), WrongCause},
		"forbidden by one, true by the other": {
			[]Happening{happens(t, "RD-03", nil, other), happens(t, "RD-01", nil, blocked)},
			[]Said{says(other, catalog.Attention, "", catalog.RateLimited), says(blocked, catalog.CriticalVerdict, "", catalog.RateKeyNoTTLBlocking)}, ""},
		"a tool that was asked about one may not see the other": {
			[]Happening{happens(t, "RD-03", nil, other), happens(t, "RD-01", nil, blocked)},
			[]Said{says(other, catalog.Unknown, "", catalog.RateLimited), says(blocked, catalog.CriticalVerdict, "", catalog.RateKeyNoTTLBlocking)}, WrongVerdict},
		"on top of a near miss": {
			[]Happening{happens(t, "RD-01", nil, blocked), happens(t, "NM-23", nil)},
			right[:1], ""},
		"a near miss forbids": {
			[]Happening{happens(t, "RD-01", nil, blocked), happens(t, "NM-25", nil)},
			[]Said{says(blocked, catalog.CriticalVerdict, "", catalog.RateKeyNoTTLBlocking, catalog.RedisEvicting)}, Forbidden},
	} {
		t.Run(name, func(t *testing.T) {
			got := Assess(c.all, c.said)
			if c.want == "" && len(got) > 0 || c.want != "" && !hasFault(got, c.want) {
				t.Errorf("mistakes %v, want %q", got, c.want)
			}
		})
	}
}

func hasFault(all []Mistake, f Fault) bool {
	for _, m := range all {
		if m.Fault == f {
			return true
		}
	}
	return false
}

func TestAssessAHealthySystem(t *testing.T) {
	near := happens(t, "NM-08", nil)
	stats := askCacheStats()
	for name, c := range map[string]struct {
		said Said
		want Fault
	}{
		"ok":                         {says(stats, catalog.OK, "hit rate n/a"), ""},
		"info":                       {says(stats, catalog.OK, "", catalog.RateNearLimit), ""},
		"an alarm":                   {says(stats, catalog.Attention, "", catalog.RedisSlow), FalseAlarm},
		"an alarm that is forbidden": {says(stats, catalog.OK, "", catalog.RedisHitRateCollapse), FalseAlarm},
		"critical without a word":    {says(stats, catalog.CriticalVerdict, ""), FalseAlarm},
		"unknown without a word":     {says(stats, catalog.Unknown, ""), WrongVerdict},
	} {
		t.Run(name, func(t *testing.T) {
			got := Assess([]Happening{near}, []Said{c.said})
			if c.want == "" && len(got) > 0 || c.want != "" && !hasFault(got, c.want) {
				t.Errorf("mistakes %v, want %q", got, c.want)
			}
		})
	}
	missing := says(stats, catalog.OK, "")
	missing.Missing = []string{"redis"}
	if got := Assess([]Happening{near}, []Said{missing}); !hasFault(got, FalseHealthy) {
		t.Errorf("ok without a source: %v", got)
	}
}
