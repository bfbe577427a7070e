package diagnose

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/report"
)

// Spike is a time in which more requests failed than do by chance.
type Spike struct {
	From, To        time.Time
	Failed, Succeed int64
	Usual           float64 // share of failures outside of it; NaN when there were no others
}

// Share is the part that failed.
func (s Spike) Share() float64 { return float64(s.Failed) / float64(s.Failed+s.Succeed) }

// Spikes finds the times in which too many failed, over all shards: the payment
// gateway is one.
func (r Requests) Spikes() (found []Spike) {
	var from, complete time.Time
	width := time.Duration(0)
	var failed, succeed []int64
	for _, x := range r.each() {
		s := x.Facts.Slots
		if width == 0 {
			from, width, failed, succeed = s.From, s.Width, slices.Clone(s.Failed), slices.Clone(s.Succeed)
		} else {
			for i := range min(len(failed), len(s.Failed)) {
				failed[i] += s.Failed[i]
				succeed[i] += s.Succeed[i]
			}
		}
		if s.Complete.After(complete) {
			complete = s.Complete
		}
	}
	if width == 0 {
		return nil
	}
	begin := int((complete.Sub(from) + width - 1) / width)
	over := max(int(spikeWindow/width), 1)
	in := make([]bool, len(failed))
	var f, n int64
	for i := begin; i < len(failed); i++ {
		f, n = f+failed[i], n+failed[i]+succeed[i]
		if out := i - over; out >= begin {
			f, n = f-failed[out], n-failed[out]-succeed[out]
		}
		if f >= spikeLeast && float64(f) >= spikeShare*float64(n) {
			for j := max(begin, i-over+1); j <= i; j++ {
				in[j] = true
			}
		}
	}
	var allFailed, all int64 // outside of any spike
	for i := begin; i < len(failed); i++ {
		if !in[i] {
			allFailed, all = allFailed+failed[i], all+failed[i]+succeed[i]
		}
	}
	usual := math.NaN()
	if all > 0 {
		usual = float64(allFailed) / float64(all)
	}
	for i := begin; i < len(in); i++ {
		if !in[i] {
			continue
		}
		j := i
		for j < len(in) && in[j] {
			j++
		}
		a, b := i, j // without the quiet minutes at both ends
		for a < b && failed[a] == 0 {
			a++
		}
		for b > a && failed[b-1] == 0 {
			b--
		}
		s := Spike{From: from.Add(time.Duration(a) * width), To: from.Add(time.Duration(b) * width), Usual: usual}
		for m := a; m < b; m++ {
			s.Failed, s.Succeed = s.Failed+failed[m], s.Succeed+succeed[m]
		}
		if s.beyondChance() {
			found = append(found, s)
		}
		i = j
	}
	slices.SortFunc(found, func(a, b Spike) int { return cmp.Compare(b.Failed, a.Failed) })
	return found
}

// beyondChance reports whether so many do not fail by chance.
func (s Spike) beyondChance() bool {
	n, usual := float64(s.Failed+s.Succeed), usualFailures
	if s.Usual > usual { // never of NaN
		usual = s.Usual
	}
	expected, spread := n*usual, math.Sqrt(n*usual*(1-usual))
	return s.Failed >= spikeLeast && s.Share() >= spikeShare && float64(s.Failed)-expected >= spikeSigma*spread
}

// usualWords is the measured share of failures outside of the spike.
func (s Spike) usualWords() string {
	switch p := 100 * s.Usual; {
	case math.IsNaN(p):
		return "there were no others"
	case p == 0:
		return "usual none"
	case p < 0.1:
		return "usual less than 0.1%"
	case p < 10:
		return "usual " + strconv.FormatFloat(math.Round(10*p)/10, 'f', -1, 64) + "%"
	default:
		return fmt.Sprintf("usual %.0f%%", p)
	}
}

// failureSpike is SETTLEMENT_FAILURE_SPIKE.
func (r Requests) failureSpike() []report.Finding {
	spikes := r.Spikes()
	if len(spikes) == 0 {
		return nil
	}
	s := spikes[0]
	var inside []some
	n := 0
	for _, x := range r.each() {
		list := slices.DeleteFunc(slices.Clone(x.Facts.Failed), func(f paydb.GatewayRequest) bool {
			return f.Requested.Before(s.From) || !f.Requested.Before(s.To)
		})
		if len(list) > 0 {
			inside, n = append(inside, some{x.Asked, list}), n+len(list)
		}
	}
	began := s.From
	var every []paydb.GatewayRequest
	for _, x := range inside {
		every = append(every, x.list...)
	}
	if n > 0 {
		began = slices.MinFunc(every, func(a, b paydb.GatewayRequest) int { return a.Requested.Compare(b.Requested) }).Requested
	}
	state := "and goes on"
	if now := r.each()[0].Clock.Database; now.Sub(s.To) > 2*time.Minute {
		state = "and ended " + s.To.In(r.Zone).Format(time.RFC3339)
	}
	f := report.NewFinding(catalog.SettlementFailureSpike, "%d of %d settlements failed (%.0f%%, %s); it began %s %s", s.Failed, s.Failed+s.Succeed, 100*s.Share(), s.usualWords(),
		began.In(r.Zone).Format(time.RFC3339), state)
	for _, x := range inside {
		f = f.With(x.asked.Source.Name, "settlement_request FAILED in that time, by pg_response_code", codeWords(x.list), x.asked.Clock.Database)
	}
	for _, other := range first(2, spikes[1:]) {
		f = f.With(r.each()[0].Source.Name, "before or after", fmt.Sprintf("%d of %d failed %s .. %s", other.Failed, other.Failed+other.Succeed, other.From.In(r.Zone).Format(time.RFC3339), other.To.In(r.Zone).Format(time.RFC3339)), time.Time{})
	}
	return []report.Finding{f.Hurts("%s", hurtByRequests(inside)).Then(
		"Take the code and the time to the payment gateway's operator",
		"When it is over, see with check_settlements what is left FAILED: the retry may never select it")}
}
