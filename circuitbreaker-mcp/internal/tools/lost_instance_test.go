package tools

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/promtest"
)

// A registry drops an instance whose breaker is FORCED_OPEN, and Prometheus scrapes it no
// more: the others are CLOSED, and that was all that was told. Dropped while CLOSED it is
// a scale-down, and all is well.
func TestAnInstanceIsDropped(t *testing.T) {
	t.Parallel()
	forced := promtest.Closed("kafka-publisher").String() + promtest.Closed("pg-auth-api").In("forced_open").String()
	for name, x := range map[string]struct {
		exports, verdict string
	}{"FORCED_OPEN": {forced, "unknown"}, "CLOSED": {promtest.Healthy(), "ok"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			numbers := traffic(0, map[string]float64{"200": 10}, 0.2)
			a, b := promtest.NewInstance(t, "", promtest.Healthy(), numbers), promtest.NewInstance(t, "b:1", x.exports, numbers)
			p := promtest.Start(t, healthyPast("a:1"), a, b)
			// When it was last scraped is looked up every ten seconds, which an instance
			// scraped so often, and for so short, may fall between.
			p.Await(t, `max_over_time(timestamp(up{instance="b:1"})[1m:10s])`, true)
			p.Scrape(t, a)
			p.Await(t, `up{instance="b:1"}`, false)
			// The last scrape is then too old to be of now, to the second.
			p.Await(t, fmt.Sprintf(`time() - max_over_time(timestamp(up{instance="b:1"})[1m:200ms]) > %g`, (15*promtest.Interval).Seconds()), true)
			c := server(t, p.URL, api(t, status(closed)))
			now, text := call(t, c, `{}`)
			if now.Verdict != x.verdict || slices.Contains(now.RuledOut, "CB_FORCED_OPEN") != (x.verdict == "ok") || x.verdict == "ok" != strings.HasPrefix(now.Summary, "CLOSED") {
				t.Errorf("status, %s (%s):\n%s", now.Verdict, now.Because, text)
			}
			stack, _ := stackOf(t, wholeServer(t, 30*time.Second, p.URL, noKafka(t), api(t, instance(closed, "UP", 200))))
			if slices.Contains(stack.RuledOut, "CB_FORCED_OPEN") != (x.verdict == "ok") {
				t.Errorf("stack ruled out %v", stack.RuledOut)
			}
			live, r := analyze(t, c, `{"time_range":"5m"}`)
			if live.Verdict != x.verdict || strings.HasPrefix(live.Summary, "CLOSED") != (x.verdict == "ok") || slices.Contains(live.RuledOut, "CB_FORCED_OPEN") != (x.verdict == "ok") {
				t.Errorf("live, %s:\n%s", live.Verdict, r.Text)
			}
			end := time.Now().Truncate(time.Second)
			past, r := analyze(t, c, fmt.Sprintf(`{"since":%q,"until":%q}`, end.Add(-5*time.Minute).Format(time.RFC3339), end.Format(time.RFC3339)))
			if strings.HasPrefix(past.Summary, "CLOSED") != (x.verdict == "ok") || strings.Contains(r.Text, "not scraped since") == (x.verdict == "ok") || slices.Contains(past.Codes(), "CB_FORCED_OPEN") == (x.verdict == "ok") {
				t.Errorf("past, %s:\n%s", past.Verdict, r.Text)
			}
		})
	}
}

// An hour later nothing of the last five minutes tells of it: the time does.
func TestAnInstanceWasDroppedLongAgo(t *testing.T) {
	t.Parallel()
	now := time.Now()
	past := healthyPast()
	past.Scrapes("a:1", now.Add(-time.Hour), now, promtest.Healthy())
	past.Scrapes("b:2", now.Add(-time.Hour), now.Add(-35*time.Minute), promtest.Healthy())
	past.Scrapes("b:2", now.Add(-34*time.Minute), now.Add(-30*time.Minute), promtest.Closed("kafka-publisher").In("open").String(), promtest.Closed("pg-auth-api").String())
	c := wholeServer(t, 30*time.Second, promtest.Start(t, past).URL, noKafka(t), api(t, status(closed)))
	a, r := analyze(t, c, `{}`)
	if a.Verdict != "unknown" || !strings.HasPrefix(a.Summary, "UNKNOWN at the end of 1h") || !strings.Contains(a.Because, "kafka-publisher of b:2 was OPEN when it was last scraped") || slices.Contains(a.RuledOut, "CB_FORCED_OPEN") {
		t.Errorf("%s (%s):\n%s", a.Verdict, a.Because, r.Text)
	}
	until := now.Add(-10 * time.Minute)
	a, r = analyze(t, c, fmt.Sprintf(`{"since":%q,"until":%q}`, until.Add(-40*time.Minute).Format(time.RFC3339), until.Format(time.RFC3339)))
	if a.Verdict != "critical" || !slices.Contains(a.Codes(), "CB_OPEN") || !strings.Contains(r.Text, "not scraped since") {
		t.Errorf("%s %v:\n%s", a.Verdict, a.Codes(), r.Text)
	}
	d, text := diagnosed(t, c, fmt.Sprintf(`{"at":%q}`, until.Add(-20*time.Minute).Format(time.RFC3339)))
	if !slices.Contains(d.Codes(), "CB_OPEN") || !strings.Contains(text, "not scraped since") {
		t.Errorf("%s %v:\n%s", d.Verdict, d.Codes(), text)
	}
}
