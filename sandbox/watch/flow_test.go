package watch

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"payops-mcp/sandbox/incident"
	"payops-mcp/shared/catalog"
)

// A system to which nobody pays is not well, whatever the answers say.
func TestPaymentsGoOn(t *testing.T) {
	var (
		paid   int
		failed error
	)
	f := flow{paid: func() (int, error) { return paid, failed }}
	begin := time.Now()
	for _, x := range []struct {
		after  time.Duration
		paid   int
		failed error
		want   string
	}{
		{0, 50, nil, "[]"},
		{29 * time.Second, 50, nil, "[]"},
		{30 * time.Second, 50, nil, "[no payment was paid within 30s]"}, // those before count for nothing
		{31 * time.Second, 50, nil, "[]"},                               // told once
		{60 * time.Second, 51, nil, "[]"},
		{80 * time.Second, 60, nil, "[]"},
		{90 * time.Second, 60, nil, "[]"},
		{125 * time.Second, 60, errors.New("gone"), "[whether payments go on is not known: gone]"},
		{126 * time.Second, 60, nil, "[no payment was paid within 30s]"},
		{160 * time.Second, 5, nil, "[]"}, // the rate was set, and it counts anew
	} {
		paid, failed = x.paid, x.failed
		if got := fmt.Sprint(f.judge(Seen{Began: begin.Add(x.after - time.Second), Took: time.Second, Said: incident.Said{Verdict: catalog.OK}})); got != x.want {
			t.Errorf("after %s: %s, want %s", x.after, got, x.want)
		}
	}
	if got := f.judge(Seen{Tool: "ask", Began: begin, Said: incident.Said{IsError: true}}); fmt.Sprint(got) != "[ask failed]" {
		t.Errorf("answers are judged as ever, not %q", got)
	}
}
