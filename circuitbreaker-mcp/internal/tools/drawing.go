package tools

import (
	"fmt"
	"math"
	"strings"

	"payops-mcp/circuitbreaker-mcp/internal/diagnose"
	"payops-mcp/circuitbreaker-mcp/internal/picture"
	"payops-mcp/circuitbreaker-mcp/internal/promql"
)

// maxBands is how many breakers the picture shows, of all instances.
const maxBands = 8

// drawing is the picture of a time.
func drawing(p promql.Past) picture.Drawing {
	d := picture.Drawing{From: p.Since, To: p.Until}
	d.Title = fmt.Sprintf("Circuit breakers and payment traffic, %s to %s", p.Since.Format("2 Jan 15:04"), p.Until.Format("15:04 MST"))
	bands := 0
	for _, name := range breakersIn(p) {
		for _, i := range p.Instances {
			for _, b := range i.Breakers {
				if b.Name.String() != name {
					continue
				}
				if bands++; bands <= maxBands {
					d.Bands = append(d.Bands, bandOf(p, i, b))
				}
			}
		}
	}
	if bands > maxBands {
		d.Title += fmt.Sprintf(" (%d of %d breakers)", maxBands, bands)
	}
	for _, s := range p.Starts {
		if s.Job == "ingest-service" {
			d.Marks = append(d.Marks, picture.Mark{At: s.At, Text: "ingest restarted"})
		}
	}
	rates := picture.Panel{Unit: "%", Top: 100}
	traffic := picture.Panel{Unit: "/s"}
	slow := picture.Panel{Unit: "s"}
	for _, l := range p.Lines {
		name := string(l.Name) + "/s"
		switch l.Name {
		case promql.LineFailureRate, promql.LineSlowRate:
			if hasValue(l) {
				rates.Lines = append(rates.Lines, penned(lineName(l), rateColor(l), l))
			}
		case promql.LineRequests:
			traffic.Lines = append(traffic.Lines, penned(name, picture.Blue, l))
		case promql.Line5xx:
			traffic.Lines = append(traffic.Lines, penned(name, picture.Red, l))
		case promql.Line409:
			traffic.Lines = append(traffic.Lines, penned(name, picture.Orange, l))
		case promql.Line429:
			traffic.Lines = append(traffic.Lines, penned(name, picture.Purple, l))
		case promql.LineP95:
			slow.Lines = append(slow.Lines, penned("authorize p95", picture.Teal, l))
		}
	}
	for _, panel := range []picture.Panel{rates, traffic, slow} {
		if len(panel.Lines) > 0 {
			d.Panels = append(d.Panels, panel)
		}
	}
	return d
}

// breakersIn are the names of the breakers, in the order in which they are told.
func breakersIn(p promql.Past) (names []string) {
	seen := map[string]bool{}
	for _, i := range p.Instances {
		for _, b := range i.Breakers {
			if name := b.Name.String(); !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	return names
}

func bandOf(p promql.Past, i promql.PastInstance, b promql.PastBreaker) picture.Band {
	band := picture.Band{Label: label(b.Name.String()) + "  " + label(i.Name.String())}
	for n, s := range b.Stays {
		from, to := s.First, s.Last
		// A state is taken to last until another is seen, and to the end of the
		// time if the last scrape is of then.
		switch {
		case n+1 < len(b.Stays):
			to = b.Stays[n+1].First
		case p.Until.Sub(to) < 5*i.Interval/2:
			to = p.Until
		}
		if n == 0 && from.Sub(p.Since) < 5*i.Interval/2 {
			from = p.Since
		}
		band.Spans = append(band.Spans, picture.Span{State: s.State, From: from, To: to})
	}
	for _, g := range i.Gaps {
		band.Spans = append(band.Spans, picture.Span{State: "", From: g.From, To: g.To})
	}
	return band
}

// label is a name of another system as the picture has room for it.
func label(name string) string {
	const most = 18
	name, _, _ = strings.Cut(name, ":ingest-service:")
	if r := []rune(diagnose.Name(name)); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return diagnose.Name(name)
}

func hasValue(l promql.Line) bool {
	for _, x := range l.Points {
		if x.Value != nil {
			return true
		}
	}
	return false
}

func rateColor(l promql.Line) picture.Color {
	switch {
	case l.Name == promql.LineSlowRate && l.Breaker == diagnose.PGAuthAPI:
		return picture.Orange
	case l.Name == promql.LineSlowRate:
		return picture.Teal
	case l.Breaker == diagnose.PGAuthAPI:
		return picture.Blue
	case l.Breaker == diagnose.KafkaPublisher:
		return picture.Red
	}
	return picture.Gray
}

func penned(name string, c picture.Color, l promql.Line) picture.Line {
	out := picture.Line{Name: name, Color: c}
	for _, x := range l.Points {
		v := math.NaN()
		if x.Value != nil {
			v = *x.Value
		}
		out.Points = append(out.Points, picture.Point{At: x.At, Value: v})
	}
	return out
}
