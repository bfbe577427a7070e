package incident

import (
	"strings"
	"testing"

	"payops-mcp/shared/catalog"
)

func finding(c catalog.Code) Finding {
	e, _ := catalog.Find(c)
	return Finding{Code: c, Kind: e.Kind, Severity: e.Severity, Next: 1}
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
		"right":              {[]Said{right}, ""},
		"error":              {with(func(s *Said) { s.IsError = true }), "failed"},
		"another verdict":    {with(func(s *Said) { s.Verdict = catalog.OK }), "concludes ok"},
		"root missing":       {with(func(s *Said) { s.Findings = nil }), "does not report RATE_KEY_NO_TTL_BLOCKING"},
		"root played down":   {with(func(s *Said) { s.Findings[0].Severity = catalog.Low }), "does not report"},
		"forbidden":          {with(func(s *Said) { s.Findings = append(s.Findings, finding(catalog.RedisDataLoss)) }), "forbidden"},
		"wrong cause":        {with(func(s *Said) { s.Findings = append(s.Findings, finding(catalog.RateKeyCorrupt)) }), "which is none"},
		"number not quoted":  {with(func(s *Said) { s.Text = "count 247310" }), "quotes 24731"},
		"no next step":       {with(func(s *Said) { s.Findings[0].Next = 0 }), "no next step"},
		"too long":           {with(func(s *Said) { s.Text += strings.Repeat("x", MaxText) }), "bytes"},
		"symptom goes first": {with(func(s *Said) { s.Findings = []Finding{finding(catalog.RateNearLimit), s.Findings[0]} }), "before its cause"},
	} {
		t.Run(name, func(t *testing.T) {
			got := strings.Join(row.Judge(c.said, []string{"24731", "24000"}), "\n")
			if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
				t.Errorf("mistakes %q, want one with %q", got, c.want)
			}
		})
	}
}
