package diagnose

import (
	"strings"
	"testing"

	"payops-mcp/circuitbreaker-mcp/internal/ingest"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

// page is what the health page of an instance came to.
func page(name string, status foreign.Text, class fault.Class) ingest.Health {
	h := ingest.Health{Name: name, Status: status}
	if class != "" {
		h.Source.Err = &fault.Failure{Class: class}
	}
	return h
}

func TestHealthDoubts(t *testing.T) {
	t.Parallel()
	answers := func(name string, class fault.Class) ingest.Instance {
		return ingest.Instance{Name: name, Source: page(name, "", class).Source}
	}
	for name, x := range map[string]struct {
		page  ingest.Health
		class fault.Class // of the instance's status page
		want  string
	}{
		"up":                            {page("a:1", "UP", ""), "", ""},
		"down":                          {page("a:1", "DOWN", ""), "", "ingest a:1 says DOWN of itself"},
		"a word with a percent sign":    {page("a:1", "50%d", ""), "", `ingest a:1 says "50%d" of itself`},
		"hangs":                         {page("a:1", "", fault.Timeout), "", "the health page of ingest a:1 did not answer (timeout): a check behind it (database, Redis) may hang"},
		"fails":                         {page("a:1", "", fault.BadStatus), "", "the health page of ingest a:1 told nothing (bad_status)"},
		"is not for us":                 {page("a:1", "", fault.Auth), "", "told nothing (auth)"},
		"is a login page":               {page("a:1", "", fault.NotJSON), "", "told nothing (not_json)"},
		"is not there, as at a gateway": {page("a:1", "", fault.MissingPath), "", ""},
		"of an instance that is gone":   {page("a:1", "", fault.Unreachable), fault.Unreachable, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := strings.Join(HealthDoubts([]ingest.Health{x.page}, []ingest.Instance{answers("a:1", x.class)}), "; ")
			if (x.want == "") != (got == "") || !strings.Contains(got, x.want) {
				t.Errorf("got %q, want %q", got, x.want)
			}
		})
	}
	two := HealthDoubts([]ingest.Health{page("a:1", "", fault.Timeout), page("b:2", "", fault.Timeout)}, nil)
	if len(two) != 1 || !strings.Contains(two[0], "ingest a:1 and b:2 did not answer") {
		t.Errorf("%q", two)
	}
}
