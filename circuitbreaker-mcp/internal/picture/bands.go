package picture

import "image/color"

// bands makes the plot of the states, one row a band, the first on top.
func (d Drawing) bands() plot {
	rows := max(1, len(d.Bands))
	p := plot{room: max(bandsRoom, float64(len(d.Bands))*bandRoom+44), high: float64(rows) + 0.9} // with the legend above
	seen := map[string]bool{}
	dark := false
	for i, b := range d.Bands {
		p.ticks = append(p.ticks, tick{float64(rows-i) - 0.5, b.Label})
		known := d.From
		for _, s := range b.Spans {
			seen[s.State] = true
			dark = dark || s.From.After(known)
			known = s.To
		}
		dark = dark || known.Before(d.To)
	}
	p.draw = func(f frame) {
		for i, b := range d.Bands {
			f.band(b, p.ticks[i].at)
		}
		f.legend(d.keys(seen, dark))
	}
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

// band draws the states of one breaker around a height.
func (f frame) band(b Band, at float64) {
	top, bottom := f.y(at+0.36), f.y(at-0.36)
	f.box(f.left, top, f.right, bottom, unknown)
	// What is short and matters is drawn last and never thinner than can be seen.
	for _, worth := range []bool{false, true} {
		for _, s := range b.Spans {
			if worth != (s.State != "CLOSED") {
				continue
			}
			from, to := f.x(s.From), f.x(s.To)
			if worth && to-from < thinnest {
				middle := (from + to) / 2
				from, to = middle-thinnest/2.0, middle+thinnest/2.0
			}
			f.box(from, top, to, bottom, stateColor(s.State))
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
