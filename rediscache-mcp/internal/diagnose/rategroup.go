package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"payops-mcp/shared/catalog"
	"payops-mcp/shared/report"
)

// named is how many counters a finding about many names.
const named = 3

// groupWords say what the counters of a finding have in common.
var groupWords = map[catalog.Code]string{
	catalog.RateKeyNoTTLBlocking: "are over the capacity and have no TTL: every request is refused for ever, whatever \"Try again in 60 seconds\" says",
	catalog.RateKeyNoTTLLatent:   "have no TTL: they never reset, and block for ever once they are over the capacity",
	catalog.RateKeyCorrupt:       "hold no number that ingest can have counted: INCR fails on them or starts far below zero, and ingest lets every request pass",
	catalog.RateWindowMismatch:   "reset later than a window from now",
	catalog.RateLimited:          "are over the capacity and reset by themselves: the limiter does its work",
	catalog.RateNearLimit:        "are near their limit",
}

// ManyRateKeys judges counters of many merchants, the worst first. Counters of one
// kind share a finding. more is how many of a kind were found besides keys, but
// not looked at closely.
func ManyRateKeys(keys []RateKey, more map[catalog.Code]int64) (findings []report.Finding, ran []catalog.Code) {
	_, ran = RateKeys(keys)
	ran = slices.DeleteFunc(ran, func(c catalog.Code) bool { return more[c] > 0 })
	counters := judgeable(keys)
	for _, r := range rateRules {
		of, its := matches(r.rule, counters)
		switch {
		case len(of) == 0:
		case len(of) == 1 && more[r.code] == 0:
			of[0].Claim = fmt.Sprintf("merchant %s, %s", its[0].Merchant, of[0].Claim)
			findings = append(findings, of[0])
		default:
			findings = append(findings, together(of, its, more[r.code]))
		}
	}
	return findings, ran
}

// together makes one finding of several of one code.
func together(of []report.Finding, keys []*RateKey, more int64) report.Finding {
	worst := slices.MinFunc(of, func(a, b report.Finding) int { return a.Severity.Rank() - b.Severity.Rank() })
	if worst.Code == catalog.RateNearLimit {
		f := worst
		f.Claim = fmt.Sprintf("%d counters %s", int64(len(keys))+more, groupWords[worst.Code])
		f.Evidence, f.Blast = nil, "" // the list in the answer has the nearest
		return f
	}
	room := named
	if worst.Code == catalog.RateLimited {
		room = 1 // the list in the answer has the others
	}
	var names []string
	for _, k := range keys[:min(room, len(keys))] {
		names = append(names, fmt.Sprintf("%s %s %s", k.Merchant, k.Action, k.short()))
	}
	rest := int64(len(keys)-len(names)) + more
	list := strings.Join(names, ", ")
	if rest > 0 {
		list += fmt.Sprintf(" and %d more", rest)
	}
	f := worst
	f.Claim = fmt.Sprintf("%d counters %s: %s", int64(len(keys))+more, groupWords[worst.Code], list)
	f.Evidence, f.Blast = nil, ""
	k := keys[0]
	f.Evidence = []report.Evidence{{Source: k.Source, Asked: "GETRANGE, PTTL of the first", Value: k.seen(), At: k.at()}}
	if worst.Code == catalog.RateLimited {
		f.Next = f.Next[:1]
	}
	if len(keys) > 1 && strings.HasPrefix(f.Next[0], "A human deletes") {
		f.Next = append([]string{f.Next[0] + "; the other keys in the same way"}, f.Next[1:]...)
	}
	return f
}

// short is a counter in a few words.
func (k RateKey) short() string {
	if n, ok := k.Count(); ok && k.State() != Corrupt {
		return fmt.Sprintf("%d/%d", n, k.Limit.Capacity)
	}
	return k.holds()
}
