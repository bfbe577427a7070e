package picture

import "math"

// panel makes the plot of a panel's lines.
func (d Drawing) panel(p Panel) plot {
	top := p.Top
	var keys []key
	for _, l := range p.Lines {
		keys = append(keys, key{l.Name, palette[l.Color]})
		for _, x := range l.Points {
			if x.known() {
				top = max(top, x.Value)
			}
		}
	}
	if top == 0 {
		top = 1 // never an axis without a length
	}
	high := top * 1.28 // room for the legend above the lines
	return plot{room: panelRoom, high: high, ticks: values(high, p.Unit), grid: true, draw: func(f frame) {
		for _, l := range p.Lines {
			f.curve(l)
		}
		f.legend(keys)
	}}
}

const lineWidth = 1.9

// curve draws a line, and a dot where a point stands alone.
func (f frame) curve(l Line) {
	f.SetColor(palette[l.Color])
	f.SetLineWidth(lineWidth)
	for _, run := range unbroken(l.Points) {
		if len(run) == 1 {
			f.DrawCircle(f.x(run[0].At), f.y(run[0].Value), lineWidth)
			f.Fill()
			continue
		}
		for _, x := range run {
			f.LineTo(f.x(x.At), f.y(x.Value))
		}
		f.Stroke()
	}
}

func (x Point) known() bool { return !math.IsNaN(x.Value) && !math.IsInf(x.Value, 0) }

// unbroken are the runs of points that are known.
func unbroken(points []Point) (runs [][]Point) {
	open := false
	for _, x := range points {
		if !x.known() {
			open = false
			continue
		}
		if !open {
			runs, open = append(runs, nil), true
		}
		runs[len(runs)-1] = append(runs[len(runs)-1], x)
	}
	return runs
}
