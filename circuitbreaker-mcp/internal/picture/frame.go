package picture

import (
	"fmt"
	"image/color"
	"math"
	"strings"
	"time"

	"git.sr.ht/~sbinet/gg"
)

// plot is one part of a picture.
type plot struct {
	room  float64 // its height in pixels, with what is around it
	high  float64 // the value at its top; 0 is at its bottom
	ticks []tick  // of the values
	grid  bool
	draw  func(frame)
}

// tick is a labelled place on an axis.
type tick struct {
	at    float64
	label string
}

// frame is where a plot is drawn, in pixels from the upper left.
type frame struct {
	*gg.Context
	plot
	d                        Drawing
	left, right, top, bottom float64
}

// centered is the share of a line of text that is put below a height to have it there.
const centered = 0.35

// text writes in a line, which begins at x, or with align 1 ends there.
func text(dc *gg.Context, s string, x, y, align float64) {
	dc.SetColor(ink)
	dc.DrawStringAnchored(s, x, y, align, centered)
}

// x is where a time is; what lies outside of the picture's time is at its border.
func (f frame) x(t time.Time) float64 {
	share := t.Sub(f.d.From).Seconds() / max(f.d.To.Sub(f.d.From).Seconds(), 1)
	return f.left + min(max(share, 0), 1)*(f.right-f.left)
}

// y is where a value is.
func (f frame) y(v float64) float64 {
	return f.bottom - min(max(v/f.high, 0), 1)*(f.bottom-f.top)
}

// line draws a thin line, on whole pixels.
func (f frame) line(x1, y1, x2, y2 float64, c color.Color) {
	f.SetColor(c)
	f.SetLineWidth(1)
	f.DrawLine(math.Round(x1)+0.5, math.Round(y1)+0.5, math.Round(x2)+0.5, math.Round(y2)+0.5)
	f.Stroke()
}

// box fills a rectangle.
func (f frame) box(x1, y1, x2, y2 float64, c color.Color) {
	f.SetColor(c)
	f.DrawRectangle(x1, y1, x2-x1, y2-y1)
	f.Fill()
}

// axes draws both axes, the time's with labels below the last plot.
func (f frame) axes(last bool) {
	f.line(f.left, f.top, f.left, f.bottom, faint)
	f.line(f.left, f.bottom, f.right, f.bottom, faint)
	for _, t := range f.ticks {
		if f.grid {
			f.line(f.left, f.y(t.at), f.right, f.y(t.at), faint)
		}
		text(f.Context, t.label, f.left-margin/2, f.y(t.at), 1)
	}
	for _, t := range f.d.times() {
		x := f.x(t.at)
		if f.grid {
			f.line(x, f.top, x, f.bottom, faint)
		}
		f.line(x, f.bottom, x, f.bottom+4, faint)
		if last {
			text(f.Context, t.label, x, f.bottom+margin+6, 0.5)
		}
	}
}

// marks draws a dashed line at each moment that is marked.
func (f frame) marks() {
	f.SetDash(4, 3)
	for _, m := range f.d.Marks {
		f.line(f.x(m.At), f.top, f.x(m.At), f.bottom, marked)
	}
	f.SetDash()
}

// moment is a labelled time.
type moment struct {
	at    time.Time
	label string
}

var timeSteps = []time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour}

// times are round times of the zone, a few of them.
func (d Drawing) times() (all []moment) {
	step := timeSteps[len(timeSteps)-1]
	for _, s := range timeSteps {
		if d.To.Sub(d.From) <= 9*s {
			step = s
			break
		}
	}
	layout := "15:04"
	switch {
	case step < time.Minute:
		layout = "15:04:05"
	case step >= 6*time.Hour:
		layout = "2 Jan 15:04"
	}
	// Full hours are those of the zone, which need not be those of UTC.
	_, offset := d.From.Zone()
	shift := time.Duration(offset) * time.Second
	for at := d.From.Add(shift).Truncate(step).Add(-shift); !at.After(d.To); at = at.Add(step) {
		if !at.Before(d.From) {
			all = append(all, moment{at, at.Format(layout)})
		}
	}
	return all
}

// values are round numbers with their unit, a few of them.
func values(high float64, unit string) (all []tick) {
	step := math.Pow(10, math.Floor(math.Log10(high)))
	for high/step > 4 {
		switch first := math.Round(step / math.Pow(10, math.Floor(math.Log10(step)))); first {
		case 2:
			step *= 2.5
		default:
			step *= 2
		}
	}
	for high/step < 2 {
		step /= 2
	}
	for n := 0.0; n*step <= high; n++ {
		all = append(all, tick{n * step, strings.TrimSpace(fmt.Sprintf("%.3g", n*step) + " " + unit)})
	}
	return all
}
