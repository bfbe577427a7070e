package diagnose

import (
	"fmt"
	"slices"

	"payops-mcp/shared/catalog"
	"payops-mcp/shared/report"
)

// rateRules are the rules for one counter, one code each.
var rateRules = []struct {
	code catalog.Code
	rule func(RateKey) (report.Finding, bool)
}{
	{catalog.RateKeyNoTTLBlocking, blockedForEver},
	{catalog.RateKeyNoTTLLatent, neverResets},
	{catalog.RateKeyCorrupt, corrupt},
	{catalog.RateWindowMismatch, windowMismatch},
	{catalog.RateLimited, limited},
	{catalog.RateNearLimit, nearLimit},
}

// RateKeys judges counters. It returns the findings and the codes of the rules
// that ran: none where a counter could not be read, for then nothing is ruled out.
func RateKeys(keys []RateKey) (findings []report.Finding, ran []catalog.Code) {
	counters := judgeable(keys)
	for _, r := range rateRules {
		of, _ := matches(r.rule, counters)
		findings = append(findings, of...)
		ran = append(ran, r.code)
	}
	if slices.ContainsFunc(keys, func(k RateKey) bool { return k.Counter.Err != nil || k.Counter.TTLErr != nil }) {
		return findings, nil
	}
	if slices.ContainsFunc(keys, func(k RateKey) bool { return k.State() == Blocked }) {
		// Blocked for longer than a window is another finding, but "limited" must
		// not read as ruled out beside it.
		ran = slices.DeleteFunc(ran, func(c catalog.Code) bool { return c == catalog.RateLimited })
	}
	return findings, ran
}

// judgeable are the counters that are there, were read, and are not told of with others.
func judgeable(keys []RateKey) []*RateKey {
	some := make([]*RateKey, 0, len(keys))
	for i := range keys {
		k := &keys[i]
		if s := k.State(); s != Unread && s != Off && s != NoWindow && !k.Passing {
			some = append(some, k)
		}
	}
	return some
}

// matches returns the findings of a rule, and the counters that they are of.
func matches(rule func(RateKey) (report.Finding, bool), keys []*RateKey) (findings []report.Finding, of []*RateKey) {
	for _, k := range keys {
		if f, found := rule(*k); found {
			findings, of = append(findings, f), append(of, k)
		}
	}
	return findings, of
}

func blockedForEver(k RateKey) (report.Finding, bool) {
	if k.State() != BlockedForEver {
		return report.Finding{}, false
	}
	_, twice := k.noTTL()
	count, _ := k.Count()
	f := report.NewFinding(catalog.RateKeyNoTTLBlocking, "%s: %d of %d used and the counter has no TTL: it never resets, so every request is refused for ever%s",
		k.Action, count, k.Limit.Capacity, k.reservation(twice)).
		With(k.Source, k.probe(), k.seen(), k.at()).
		Hurts("merchant %s: each %s gets HTTP 429; its \"Try again in %d seconds\" is false, ingest puts the window in place of the missing TTL", k.Merchant, k.Action, int(k.Limit.Window.Seconds())).
		Then(k.deleteStep(), "Afterwards ask again: the new counter must have a TTL; ingest sets it only on the first request of a window (INCR, then EXPIRE), and lost it if it stopped or lost Redis between the two")
	if !k.Limit.CapacitySet || !twice {
		f = f.Unsure()
	}
	return f, true
}

// neverResets covers a counter without a TTL at or below the capacity. Above an
// assumed capacity it runs too: that the counter will never reset is certain
// there, and only whether it blocks already is not.
func neverResets(k RateKey) (report.Finding, bool) {
	s := k.State()
	if s != NeverResets && (s != BlockedForEver || k.Limit.CapacitySet) {
		return report.Finding{}, false
	}
	_, twice := k.noTTL()
	count, _ := k.Count()
	headroom := fmt.Sprintf("%d left of %d (%s)%s", k.Limit.Capacity-count, k.Limit.Capacity, setOrAssumed(k.Limit.CapacitySet), k.untilBlocked(count))
	if s == BlockedForEver {
		headroom = fmt.Sprintf("over the assumed capacity of %d already", k.Limit.Capacity)
	}
	f := report.NewFinding(catalog.RateKeyNoTTLLatent, "%s: the counter stands at %d and has no TTL: it never resets, and once it is over the capacity the merchant is blocked for ever; %s%s",
		k.Action, count, headroom, seenOnce(twice)).
		With(k.Source, k.probe(), k.seen(), k.at()).
		Then(k.deleteStep())
	if !twice {
		f = f.Unsure()
	}
	return f, true
}

func corrupt(k RateKey) (report.Finding, bool) {
	if k.State() != Corrupt {
		return report.Finding{}, false
	}
	s := k.Counter.Last()
	ends := "it expires in " + seconds(s.TTL)
	switch {
	case k.Counter.TTLErr != nil:
		ends = "when it expires is not known"
	case s.NoTTL:
		ends = "it has no TTL and stays until somebody deletes it"
	}
	what := "INCR fails on it, ingest logs that and lets every request pass"
	if _, counts := k.Count(); counts {
		what = "ingest never counts below zero, so something else wrote it, and the merchant is not limited until it has been counted up"
	}
	f := report.NewFinding(catalog.RateKeyCorrupt, "%s: the counter holds %s: %s; %s", k.Action, k.holds(), what, ends).
		With(k.Source, k.probe(), k.seen(), k.at()).
		Hurts("merchant %s is not limited for %s", k.Merchant, k.Action).
		Then(k.deleteStep(), "Find who else writes rate keys (deployments, scripts, a shared Redis)")
	if s.Value == "" && !s.WrongType && k.Counter.Second == nil {
		f = f.Unsure() // an empty value may be a key that expired between two commands
	}
	return f, true
}

func windowMismatch(k RateKey) (report.Finding, bool) {
	s := k.Counter.Last()
	count, counts := k.Count()
	if !s.Exists || !counts || s.NoTTL || s.TTL <= k.Limit.Window+jitter {
		return report.Finding{}, false
	}
	f := report.NewFinding(catalog.RateWindowMismatch, "%s: the counter resets in %s, but a window is %s (%s)",
		k.Action, seconds(s.TTL), seconds(k.Limit.Window), setOrAssumed(k.Limit.WindowSet)).
		With(k.Source, k.probe(), k.seen(), k.at()).
		Then(fmt.Sprintf("Compare APP_RATE_LIMIT_%s_WINDOW_SECONDS over all ingest instances and with this server's setting", upper(k.Action)))
	if k.Limit.Blocks(count) {
		f = f.Hurts("merchant %s is blocked for %s", k.Merchant, seconds(s.TTL))
	}
	if !k.Limit.WindowSet {
		f = f.Unsure()
	}
	return f, true
}

func limited(k RateKey) (report.Finding, bool) {
	s := k.Counter.Last()
	if k.State() != Blocked || s.TTL > k.Limit.Window+jitter && k.Limit.WindowSet {
		return report.Finding{}, false
	}
	count, _ := k.Count()
	until := "it resets in " + seconds(s.TTL) + "; this is the limiter doing its work"
	first := "Nothing to repair in Redis; it clears by itself"
	if k.Counter.TTLErr != nil {
		until = "it resets; when, or whether ever, is not known: the TTL could not be read"
		first = "Read the TTL with another account (PTTL): -1 means that it never resets"
	}
	f := report.NewFinding(catalog.RateLimited, "%s: %d of %d used in this window (%v%%): requests are refused until %s%s",
		k.Action, count, k.Limit.Capacity, k.Limit.Percent(count), until, k.reservation(true)).
		With(k.Source, k.probe(), k.seen(), k.at()).
		Hurts("merchant %s: HTTP 429 on %s until then", k.Merchant, k.Action).
		Then(first, "Ask the merchant whether this traffic is meant (retries without pause?); a higher capacity is a change of ingest's configuration")
	if !k.Limit.CapacitySet || k.FailingOpen {
		f = f.Unsure()
	}
	return f, true
}

func nearLimit(k RateKey) (report.Finding, bool) {
	count, _ := k.Count()
	if st := k.State(); st != Free && st != AtLimit || k.Limit.Percent(count) < NearPercent {
		return report.Finding{}, false
	}
	left := fmt.Sprintf("%d requests left", k.Limit.Capacity-count)
	if count == k.Limit.Capacity {
		left = "the next request is refused"
	}
	return report.NewFinding(catalog.RateNearLimit, "%s: %v%% used, %s%s", k.Action, k.Limit.Percent(count), left, k.untilReset()).
		With(k.Source, k.probe(), k.seen(), k.at()), true
}
