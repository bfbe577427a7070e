package picture

import (
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// bands makes the plot of the states, one row a band, the first on top.
func (d Drawing) bands() *plot.Plot {
	p := d.base()
	rows := max(1, len(d.Bands))
	p.Y.Min, p.Y.Max = 0, float64(rows)+0.9 // room for the legend
	var labels plot.ConstantTicks
	seen := map[string]bool{}
	dark := false
	for i, b := range d.Bands {
		y := float64(rows-i) - 0.5
		labels = append(labels, plot.Tick{Value: y, Label: b.Label})
		p.Add(band{d, b, y})
		known := d.From
		for _, s := range b.Spans {
			seen[s.State] = true
			dark = dark || s.From.After(known)
			known = s.To
		}
		dark = dark || known.Before(d.To)
	}
	p.Y.Tick.Marker = labels
	p.Y.Tick.Length = 0
	p.Add(legend{d.keys(seen, dark)})
	return p
}

func (d Drawing) keys(seen map[string]bool, dark bool) (all []key) {
	for _, s := range states {
		if seen[s.name] {
			all = append(all, key{s.name, s.fill})
		}
	}
	if dark {
		all = append(all, key{"not scraped", unknown})
	}
	if len(d.Marks) > 0 {
		name := d.Marks[0].Text
		for _, m := range d.Marks[1:] {
			if m.Text != name {
				name = "restarts"
			}
		}
		all = append(all, key{name + " (dashed)", marked})
	}
	return all
}

// band draws the states of one breaker.
type band struct {
	d    Drawing
	band Band
	y    float64
}

// Plot draws the band.
func (b band) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	bottom, top := y(b.y-0.36), y(b.y+0.36)
	fill := func(of color.Color, from, to vg.Length) {
		c.FillPolygon(of, []vg.Point{{X: from, Y: bottom}, {X: from, Y: top}, {X: to, Y: top}, {X: to, Y: bottom}})
	}
	fill(unknown, c.Min.X, c.Max.X)
	// What is short and matters is drawn last and never thinner than can be seen.
	for _, worth := range []bool{false, true} {
		for _, s := range b.band.Spans {
			if worth != (s.State != "CLOSED") {
				continue
			}
			from, to := max(x(unix(s.From)), c.Min.X), min(x(unix(s.To)), c.Max.X)
			if worth && to-from < px(thinnestPx) {
				middle := (from + to) / 2
				from, to = middle-px(thinnestPx)/2, middle+px(thinnestPx)/2
			}
			fill(stateColor(s.State), from, to)
		}
	}
}

func stateColor(state string) color.Color {
	for _, s := range states {
		if s.name == state {
			return s.fill
		}
	}
	return unknown
}
