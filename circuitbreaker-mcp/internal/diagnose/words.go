package diagnose

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"payops-mcp/shared/report"
)

// Name quotes a name of another system where it is more than a plain word.
func Name(s string) string {
	if plain(s) {
		return s
	}
	return strconv.Quote(s)
}

// plain reports whether a name cannot be taken for anything but a name.
func plain(s string) bool {
	odd := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("_.:/[]-", r)
	}
	return s != "" && len(s) <= 100 && !strings.ContainsFunc(s, odd)
}

// Where counts readings among all of the same breaker, and names their instances
// where that is not all of them: "on 1 of 2 instances (10.0.0.5:8080)". Addresses
// of the API and instances of Prometheus that may be the same are counted apart.
func Where(some, all []Reading) string {
	configured := func(r Reading) bool { return r.Configured }
	api, prom := filter(all, configured), filter(all, func(r Reading) bool { return !r.Configured })
	if len(api) == 0 || len(prom) == 0 {
		return count(some, all, "instance", "s")
	}
	var parts []string
	if s := filter(some, configured); len(s) > 0 {
		parts = append(parts, count(s, api, "API address", "es"))
	}
	if s := filter(some, func(r Reading) bool { return !r.Configured }); len(s) > 0 {
		parts = append(parts, count(s, prom, "Prometheus instance", "s"))
	}
	return strings.Join(parts, " and ")
}

func count(some, all []Reading, what, plural string) string {
	if len(all) == 1 {
		plural = ""
	}
	text := fmt.Sprintf("on %d of %d %s%s", len(some), len(all), what, plural)
	if len(some) == len(all) {
		return text
	}
	return text + " (" + instances(some) + ")"
}

// maxNames is how many instances a sentence names.
const maxNames = 4

func instances(some []Reading) string {
	var names []string
	for _, r := range some {
		names = append(names, Name(r.Instance))
	}
	return strings.Join(few(names, maxNames, "more"), ", ")
}

// few are the first of a list and how many there are besides, as "3 more".
func few(list []string, most int, more string) []string {
	n := len(list) - most
	if n <= 0 {
		return list
	}
	return append(slices.Clone(list[:most]), fmt.Sprintf("%d %s", n, more))
}

// number writes a number with at most two decimals; what is there never reads as
// nothing.
func number(v float64) string {
	if v > 0 && v < 0.005 {
		return "<0.01"
	}
	return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64)
}

// short writes a length of time to a precision that its size deserves.
func short(d time.Duration) string {
	switch {
	case d >= 2*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	case d >= 2*time.Minute:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d >= 10*time.Second:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	}
	return number(math.Round(d.Seconds()*10)/10) + "s"
}

// filter keeps the readings that a rule speaks of.
func filter(all []Reading, keep func(Reading) bool) []Reading {
	return slices.DeleteFunc(slices.Clone(all), func(r Reading) bool { return !keep(r) })
}

func inState(states ...string) func(Reading) bool {
	return func(r Reading) bool { return slices.Contains(states, r.State) }
}

// cite adds what the sources said of readings as evidence.
func cite(f report.Finding, some []Reading) report.Finding {
	for _, r := range some[:min(len(some), maxNames)] {
		if r.API != nil {
			f = f.With("ingest "+Name(r.Instance), "GET "+statusPath, said(r), r.Date)
		}
		if p := r.fresh(); p != nil && (r.API == nil || p.State != r.API.State) {
			f = f.With("prometheus", series("state", r), scrapeSaid(r), p.At)
		}
	}
	return f
}

const statusPath = "/circuit-breaker/status"

// series is the selector of one breaker's series, to ask again with.
func series(metric string, r Reading) string {
	return fmt.Sprintf(`resilience4j_circuitbreaker_%s{job="ingest-service",instance=%q,name=%q}`, metric, r.Label, r.Breaker)
}

// said is what the instance said, in one line.
func said(r Reading) string {
	b := r.API
	text := fmt.Sprintf("%s %s, %d of %d calls failed, %d slow, %d turned away", Name(r.Breaker), b.State, b.Failed, b.Buffered, b.Slow, b.NotPermitted)
	return text + rates(b.FailureRate, b.SlowCallRate)
}

// scrapeSaid is what Prometheus has, in one line.
func scrapeSaid(r Reading) string {
	p := r.Prom
	text := p.State
	if h := p.History; !h.Since.IsZero() {
		text += " since " + h.Since.Format(time.RFC3339)
	}
	text += rates(p.FailureRate, p.SlowCallRate)
	if v := p.FailedPerSecond; v != nil && *v > 0 {
		text += ", " + number(*v) + " calls/s fail"
	}
	if v := p.NotPermittedPerSecond; v != nil && *v > 0 {
		text += ", " + number(*v) + " calls/s turned away"
	}
	return text
}

func rates(failure, slow *float64) string {
	text := ""
	if failure != nil {
		text += ", failure rate " + number(*failure) + "%"
	}
	if slow != nil {
		text += ", slow-call rate " + number(*slow) + "%"
	}
	return text
}

// FailureRate is the failure rate of a reading in percent, from its instance or
// else from Prometheus; nil when there is none of now.
func (r Reading) FailureRate() *float64 {
	if r.API != nil {
		return r.API.FailureRate
	}
	if p := r.fresh(); p != nil {
		return p.FailureRate
	}
	return nil
}

// SlowCallRate is the slow-call rate, like FailureRate.
func (r Reading) SlowCallRate() *float64 {
	if r.API != nil {
		return r.API.SlowCallRate
	}
	if p := r.fresh(); p != nil {
		return p.SlowCallRate
	}
	return nil
}

// Buffered is how many calls the window holds; nil when that is not known.
func (r Reading) Buffered() *int {
	if r.API != nil {
		return &r.API.Buffered
	}
	if p := r.fresh(); p != nil && p.Successful != nil && p.Failed != nil {
		n := *p.Successful + *p.Failed
		return &n
	}
	return nil
}
