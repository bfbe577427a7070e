package diagnose

import (
	"fmt"
	"time"
)

// firstSlack is how coarsely the beginning of Prometheus' history is known.
const firstSlack = 5 * time.Minute

// Since is when a reading came into its state, as far as scrapes can tell; zero
// when that is not known. note says how exact that is, or why it is not known.
func (r Reading) Since() (at time.Time, note string) {
	p := r.fresh()
	switch {
	case r.State == "":
		return time.Time{}, "state not known"
	case p == nil && r.Prom != nil:
		return time.Time{}, "Prometheus has nothing of now"
	case p == nil && r.PromSilent:
		return time.Time{}, "Prometheus did not answer"
	case p == nil && r.Mixed:
		return time.Time{}, "not told which instance this is"
	case p == nil:
		return time.Time{}, "no series in Prometheus matched"
	case p.State != r.State:
		return time.Time{}, "after " + p.At.Format(time.RFC3339)
	}
	h := p.History
	switch {
	case !h.Since.IsZero() && r.Started.After(h.Before) && !r.Started.After(h.Since):
		return r.Started, "process start"
	case !h.Since.IsZero():
		return h.Since, "±" + short(h.Since.Sub(h.Before))
	case h.From.IsZero() && r.PromSilent:
		return time.Time{}, "Prometheus did not answer that"
	case h.From.IsZero():
		return time.Time{}, "no history in Prometheus"
	case r.reaches(r.Started):
		return r.Started, "process start, unchanged"
	}
	return time.Time{}, fmt.Sprintf("unchanged since %s or before", h.From.Format(time.RFC3339))
}

// reaches reports whether the history began no later than at a time, as far as can be told.
func (r Reading) reaches(at time.Time) bool {
	return at.After(r.Prom.History.From.Add(-firstSlack - 2*r.Every))
}

// Disagrees says what Prometheus saw where it is not what the instance says now.
// The instance is right about now: Prometheus is up to a scrape behind.
func (r Reading) Disagrees() string {
	p := r.fresh()
	if p == nil || !r.Live || p.State == r.State {
		return ""
	}
	if p.State == "" {
		return fmt.Sprintf("no single state %s before", short(r.Age))
	}
	return fmt.Sprintf("%s %s before", p.State, short(r.Age))
}

// TooFewCalls reports whether the breaker has not seen the calls that a rate
// takes by the repository's defaults.
func (r Reading) TooFewCalls() bool {
	s, known := SettingsOf(r.Breaker)
	n := r.Buffered()
	return known && n != nil && *n < s.CallsNeeded(r.State) && !unmeasured(r.State)
}

// unmeasured reports whether a breaker in a state counts no calls.
func unmeasured(state string) bool { return state == "DISABLED" || state == "FORCED_OPEN" }

// RateNote says why a reading has no rates; empty when it has.
func (r Reading) RateNote() string {
	switch s, _ := SettingsOf(r.Breaker); {
	case r.FailureRate() != nil || r.State == "":
		return ""
	case unmeasured(r.State):
		return "not measured while " + r.State
	case r.TooFewCalls():
		return fmt.Sprintf("%d of the %d calls it takes", *r.Buffered(), s.CallsNeeded(r.State))
	}
	return "the breaker gives none"
}
