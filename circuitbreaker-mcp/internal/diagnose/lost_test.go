package diagnose

import (
	"slices"
	"strings"
	"testing"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/shared/catalog"
)

// A breaker was FORCED_OPEN when a registry dropped its instance: minutes later it was
// told as one that is judged at the end, where nothing judges it, and ruled out.
func TestABreakerThatIsLost(t *testing.T) {
	t.Parallel()
	closed := Status{Readings: []Reading{{Breaker: PGAuthAPI, Instance: "a:1", Label: "a:1", State: "CLOSED"}}}
	states := []catalog.Code{catalog.CBOpen, catalog.CBForcedOpen, catalog.CBDisabled, catalog.PGAuthBreakerOpen}
	for name, x := range map[string]struct {
		last  []promql.Stay
		code  catalog.Code
		claim string
		doubt string // none where it is empty
	}{
		"forced":         {stays("CLOSED", 10.0, "FORCED_OPEN", 20.0), catalog.CBForcedOpen, "was FORCED_OPEN: b:2 14:10:00 on, last seen so at 14:29:45, not scraped since (FORCED_OPEN for 19m)", "pg-auth-api of b:2 was FORCED_OPEN when it was last scraped, 14:29:45"},
		"open":           {stays("CLOSED", 10.0, "OPEN", 20.0), catalog.PGAuthBreakerOpen, "was OPEN: b:2 14:10:00 on, last seen so at 14:29:45, not scraped since", "was OPEN when"},
		"seen once":      {stays("CLOSED", 10.0, "OPEN", 0.25), catalog.PGAuthBreakerOpen, "was OPEN: b:2 14:10:00 on, last seen so at 14:10:00, not scraped since (OPEN for 0s)", "was OPEN when"},
		"disabled":       {stays("CLOSED", 10.0, "DISABLED", 20.0), catalog.CBDisabled, "was DISABLED: b:2 14:10:00 on, last seen so at 14:29:45, not scraped since", "was DISABLED when"},
		"half open":      {stays("CLOSED", 10.0, "HALF_OPEN", 20.0), "", "", "was HALF_OPEN when"},
		"a scale-down":   {stays("CLOSED", 30.0), "", "", ""},
		"it had closed":  {stays("CLOSED", 10.0, "OPEN", 5.0, "CLOSED", 20.0), catalog.PGAuthBreakerOpen, "was OPEN: b:2 14:10:00-14:15:00 (OPEN for 5m); it is over", ""},
		"scraped still":  {stays("CLOSED", 10.0, "OPEN", 50.0), "", "", ""},
		"of a while ago": {stays("OPEN", 59.0), catalog.PGAuthBreakerOpen, "last seen so at 14:58:45", "was OPEN when"},
	} {
		t.Run(name, func(t *testing.T) {
			p := hourOf(PGAuthAPI, stays("CLOSED", 60.0), x.last)
			for _, live := range []bool{true, false} {
				p.Live = live
				if got := strings.Join(LostDoubts(p, closed), "; "); (got == "") != (x.doubt == "") || !strings.Contains(got, x.doubt) {
					t.Errorf("live %v: doubt %q, want %q", live, got, x.doubt)
				}
				if ran := OverTime(states, p); x.doubt != "" && len(ran) > 0 {
					t.Errorf("live %v: ruled out %v", live, ran)
				}
			}
			claims := ""
			for _, f := range WasOpen(p) {
				claims += string(f.Code) + " " + f.Claim
			}
			if (claims == "") != (x.code == "") || !strings.Contains(claims, string(x.code)) || !strings.Contains(claims, x.claim) || x.doubt != "" && strings.Contains(claims, "it is over") {
				t.Errorf("%q, want %s %q", claims, x.code, x.claim)
			}
		})
	}
	// What there is a reading of is judged, or doubted, by that.
	read := Status{Readings: append(slices.Clone(closed.Readings), Reading{Breaker: PGAuthAPI, Instance: "b:2", Label: "b:2"})}
	if got := LostDoubts(hourOf(PGAuthAPI, stays("CLOSED", 60.0), stays("OPEN", 30.0)), read); len(got) > 0 {
		t.Errorf("told twice: %v", got)
	}
}

// The instance went on, FORCED_OPEN, after the registry had dropped it: twenty seconds
// later all was well. One that was CLOSED was scaled down.
func TestAnInstanceThatIsGoneWhileItsBreakerIsOpen(t *testing.T) {
	t.Parallel()
	here, gone := instance("here:1", true, time.Second), instance("gone:1", true, 20*time.Second)
	here.Interval, gone.Interval = time.Second, time.Second
	here.Breakers = []promql.Breaker{withBreaker(KafkaPublisher, now), withBreaker(PGAuthAPI, now)}
	gone.Breakers = []promql.Breaker{withBreaker(KafkaPublisher, now.Add(-20*time.Second)), withBreaker(PGAuthAPI, now.Add(-20*time.Second))}
	for state, doubted := range map[string]bool{"CLOSED": false, "OPEN": true, "HALF_OPEN": true, "FORCED_OPEN": true, "DISABLED": true} {
		gone.Breakers[1].State = state
		s := Join(nil, promql.Facts{At: now, Instances: []promql.Instance{gone, here}}, time.UTC)
		doubts := strings.Join(Doubts(s), "; ")
		if strings.Contains(doubts, "state of pg-auth-api not known on 1 of 2 instances (gone:1)") != doubted || len(s.Gone) != 1 {
			t.Errorf("%s: %q, gone %v", state, doubts, s.Gone)
		}
		_, ran := Breakers(s)
		if slices.Contains(ran, catalog.CBForcedOpen) == doubted {
			t.Errorf("%s: ruled out %v", state, ran)
		}
	}
}
