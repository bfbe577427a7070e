package tools

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/diagnose"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/report"
)

// worstFirst is the order in which one state speaks for several. Not knowing
// ranks before CLOSED: the first word must never read as healthy by absence.
var worstFirst = []string{"OPEN", "FORCED_OPEN", "HALF_OPEN", "DISABLED", "METRICS_ONLY", unknownState, "CLOSED"}

// maxTold is how many breakers the line tells of; the payment system has two.
const maxTold = 6

const unknownState = "UNKNOWN"

// knownFirst is the order in which the states of one breaker are told.
var knownFirst = append(slices.DeleteFunc(slices.Clone(worstFirst), func(s string) bool { return s == unknownState }), unknownState)

// summary is the line to read out: the worst state, then each breaker.
func summary(s diagnose.Status, found []report.Finding) string {
	names := breakersOf(s)
	worst := "CLOSED"
	for _, name := range names {
		if state := speaking(readingsOf(s, name)); slices.Index(worstFirst, state) < slices.Index(worstFirst, worst) {
			worst = state
		}
	}
	var parts []string
	if slices.ContainsFunc(found, func(f report.Finding) bool {
		return f.Code == catalog.IngestDown && f.Verdict == catalog.CriticalVerdict
	}) {
		parts = append(parts, "the ingest service is down")
	}
	// Where not all are told of, the worst come first, and then those that the
	// repository knows.
	if len(names) > maxTold {
		slices.SortStableFunc(names, func(a, b string) int {
			return cmp.Or(
				slices.Index(worstFirst, speaking(readingsOf(s, a)))-slices.Index(worstFirst, speaking(readingsOf(s, b))),
				strangers(a)-strangers(b))
		})
	}
	for _, name := range names[:min(len(names), maxTold)] {
		parts = append(parts, part(name, readingsOf(s, name), worst))
	}
	if more := len(names) - maxTold; more > 0 {
		parts = append(parts, fmt.Sprintf("%d more breakers", more))
	}
	return worst + " - " + strings.Join(parts, "; ")
}

// strangers is 1 for a breaker that the repository does not know, else 0.
func strangers(breaker string) int {
	if _, ours := diagnose.SettingsOf(breaker); ours {
		return 0
	}
	return 1
}

// breakersOf are the breakers to speak of: those that are seen, and those that
// should be.
func breakersOf(s diagnose.Status) []string {
	names := s.Breakers()
	for _, want := range s.Expected {
		if !slices.Contains(names, want) {
			names = append(names, want)
		}
	}
	return names
}

func readingsOf(s diagnose.Status, breaker string) []diagnose.Reading {
	return slices.DeleteFunc(slices.Clone(s.Readings), func(r diagnose.Reading) bool { return r.Breaker != breaker })
}

func stateOf(r diagnose.Reading) string {
	if r.State == "" {
		return unknownState
	}
	return r.State
}

// speaking is the worst state of some readings. Where Prometheus shows as many
// instances as the API has addresses, an address that did not answer is one of
// them, under another name.
func speaking(readings []diagnose.Reading) string {
	scraped, addresses := 0, 0
	for _, r := range readings {
		if r.Configured {
			addresses++
		} else if r.State != "" {
			scraped++
		}
	}
	worst := len(worstFirst)
	for _, r := range readings {
		if r.State == "" && r.Configured && scraped >= addresses {
			continue
		}
		worst = min(worst, slices.Index(worstFirst, stateOf(r)))
	}
	if worst == len(worstFirst) {
		return unknownState
	}
	return worstFirst[worst]
}

// part says of one breaker on how many instances it is in which state; a state
// that is that of the headline, and of all, is not said again.
func part(breaker string, readings []diagnose.Reading, headline string) string {
	if len(readings) == 0 {
		return diagnose.Name(breaker) + ": no source shows it"
	}
	var by []string
	for _, state := range knownFirst {
		some := slices.DeleteFunc(slices.Clone(readings), func(r diagnose.Reading) bool { return stateOf(r) != state })
		if len(some) == 0 {
			continue
		}
		text := diagnose.Where(some, readings)
		if state != headline || len(some) < len(readings) {
			text = state + " " + text
		}
		if state == unknownState {
			text += ": " + some[0].Unknown
		}
		by = append(by, text+age(some))
	}
	return diagnose.Name(breaker) + " " + strings.Join(by, ", ") + rateOf(breaker, readings)
}

// age says of the breaker that the API tells of how old states are that only a
// scrape has told.
func age(some []diagnose.Reading) string {
	silent := false
	var oldest time.Duration
	for _, r := range some {
		if r.Live || r.State == "" || r.Breaker != diagnose.KafkaPublisher {
			continue
		}
		silent = silent || r.Configured
		oldest = max(oldest, r.Age)
	}
	if oldest == 0 {
		return ""
	}
	text := fmt.Sprintf("seen by Prometheus %ds ago", int(oldest.Round(time.Second).Seconds()))
	if silent {
		text += ", the API did not answer"
	}
	return " (" + text + ")"
}

// rateOf tells the highest rates, or why there are none.
func rateOf(breaker string, readings []diagnose.Reading) string {
	var failed, slow *float64
	why := ""
	for _, r := range readings {
		failed, slow = higher(failed, r.FailureRate()), higher(slow, r.SlowCallRate())
		if why == "" && r.State != "" {
			why = r.RateNote()
			if c, ours := diagnose.SettingsOf(breaker); ours && r.TooFewCalls() {
				why = fmt.Sprintf("<%d calls", c.CallsNeeded(r.State))
			}
		}
	}
	switch {
	case failed == nil && why == "":
		return ""
	case failed == nil:
		return ", rate not available (" + why + ")"
	case slow != nil && *slow > 0:
		return ", " + percent(*failed) + " of calls failed, " + percent(*slow) + " slow"
	}
	return ", " + percent(*failed) + " of calls failed"
}

func higher(a, b *float64) *float64 {
	if a == nil || b != nil && *b > *a {
		return b
	}
	return a
}

func percent(v float64) string {
	return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64) + "%"
}
