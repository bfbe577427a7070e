package tools

import (
	"slices"
	"strings"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/promql"
)

// sparks are how many characters a line over time has in the text.
const sparks = 24

var levels = []rune("▁▂▃▄▅▆▇█")

// sparkline draws values between zero and their highest; a dot is a time of which
// nothing is known. Each character is the highest of the points it stands for.
func sparkline(points []promql.Point) string {
	top := 0.0
	for _, p := range points {
		if p.Value != nil {
			top = max(top, *p.Value)
		}
	}
	var b strings.Builder
	for _, some := range split(len(points)) {
		var high *float64
		for _, p := range points[some[0]:some[1]] {
			high = higher(high, p.Value)
		}
		switch {
		case high == nil:
			b.WriteRune('·')
		case top == 0:
			b.WriteRune(levels[0])
		default:
			b.WriteRune(levels[min(len(levels)-1, int(*high/top*float64(len(levels))))])
		}
	}
	return b.String()
}

// split divides n items among the characters of a line.
func split(n int) (parts [][2]int) {
	width := min(n, sparks)
	for i := range width {
		parts = append(parts, [2]int{i * n / width, (i + 1) * n / width})
	}
	return parts
}

// stateline draws the states of one breaker over a time: the worst of each part of
// it, and a question mark where no scrape worked.
func stateline(p promql.Past, i promql.PastInstance, b promql.PastBreaker) string {
	marks := map[string]byte{"OPEN": 'O', "FORCED_OPEN": 'F', "HALF_OPEN": 'h', "DISABLED": 'd', "METRICS_ONLY": 'm', "CLOSED": '-'}
	rank := []byte("OFhdm-")
	part := p.Until.Sub(p.Since) / sparks
	line := make([]byte, sparks)
	for n := range line {
		from := p.Since.Add(time.Duration(n) * part)
		to := from.Add(part)
		line[n] = '?'
		for k, s := range b.Stays {
			// A state lasts until another is seen.
			end := s.Last
			if k+1 < len(b.Stays) {
				end = b.Stays[k+1].First
			} else if p.Until.Sub(end) < 5*i.Interval/2 {
				end = p.Until
			}
			mark, known := marks[s.State]
			if !known || !s.First.Add(-i.Interval).Before(to) || end.Before(from) {
				continue
			}
			if line[n] == '?' || slices.Index(rank, mark) < slices.Index(rank, line[n]) {
				line[n] = mark
			}
		}
		for _, g := range i.Gaps {
			if !g.From.After(from) && !g.To.Before(to) {
				line[n] = '?'
			}
		}
	}
	return string(line)
}
