// Package picture draws what happened over a time: the states of circuit breakers
// as bands, numbers as lines, on one time axis, small enough for a chat window.
//
// It knows nothing of where the numbers come from.
package picture

import (
	"fmt"
	"image/color"
	"math"
	"time"

	"git.sr.ht/~sbinet/gg"
)

// Points is how many points of a line the picture has room for.
const Points = 240

// Drawing is what is drawn.
type Drawing struct {
	Title    string
	From, To time.Time // with the zone that the axis is labelled in
	Bands    []Band
	Panels   []Panel
	Marks    []Mark
}

// Band is one breaker of one instance.
type Band struct {
	Label string
	Spans []Span
}

// Span is a time in a state. What no span covers is not known.
type Span struct {
	State    string
	From, To time.Time
}

// Panel is a set of lines with one axis.
type Panel struct {
	Unit  string
	Top   float64 // the axis ends there at least; 0 for as high as the lines
	Lines []Line
}

// Line is a number over time.
type Line struct {
	Name   string
	Color  Color
	Points []Point
}

// Point is a value at a time; NaN where it is not known, which breaks the line.
type Point struct {
	At    time.Time
	Value float64
}

// Mark is a moment at which something changed.
type Mark struct {
	At   time.Time
	Text string
}

// Color says what a line is about, so that the same thing has the same color in
// every picture.
type Color int

// The colors.
const (
	Blue Color = iota
	Red
	Orange
	Purple
	Teal
	Gray
)

var palette = []color.RGBA{
	Blue: rgb(0x1a, 0x73, 0xe8), Red: rgb(0xd9, 0x30, 0x25), Orange: rgb(0xe3, 0x74, 0x00),
	Purple: rgb(0x93, 0x34, 0xe6), Teal: rgb(0x12, 0x8c, 0x7e), Gray: rgb(0x5f, 0x63, 0x68),
}

// states are the states in the order of the legend, with their colors.
var states = []struct {
	name string
	fill color.RGBA
}{
	{"CLOSED", rgb(0xb7, 0xe1, 0xc0)},
	{"OPEN", rgb(0xd9, 0x30, 0x25)},
	{"HALF_OPEN", rgb(0xf9, 0xb8, 0x2e)},
	{"FORCED_OPEN", rgb(0x8e, 0x24, 0xaa)},
	{"DISABLED", rgb(0x7b, 0x8a, 0x97)},
	{"METRICS_ONLY", rgb(0x4d, 0x9c, 0xb5)},
}

var (
	unknown = rgb(0xec, 0xee, 0xf0)
	ink     = rgb(0x20, 0x21, 0x24)
	faint   = rgb(0xe0, 0xe3, 0xe7)
	marked  = rgb(0x5f, 0x63, 0x68)
)

func rgb(r, g, b uint8) color.RGBA { return color.RGBA{r, g, b, 0xff} }

// Lengths in pixels.
const (
	width     = 900
	titleRoom = 34
	panelRoom = 132
	bandRoom  = 30
	bandsRoom = 84 // at least
	timesRoom = 26 // for the labels of the time axis, which the last plot alone has
	margin    = 10
	thinnest  = 3 // of a state that is not CLOSED: half a minute of a day is less than one
)

// Draw draws a PNG.
func Draw(d Drawing) ([]byte, error) {
	fonts, err := openFonts()
	if err != nil {
		return nil, fmt.Errorf("draw: %w", err)
	}
	defer fonts.close()
	plots := []plot{d.bands()}
	for _, p := range d.Panels {
		plots = append(plots, d.panel(p))
	}
	height := titleRoom + timesRoom
	for _, p := range plots {
		height += int(p.room)
	}
	dc := gg.NewContext(width, height)
	dc.SetColor(color.White)
	dc.Clear()
	dc.SetFontFace(fonts.bold)
	text(dc, d.Title, margin, titleRoom/2, 0)
	dc.SetFontFace(fonts.regular)

	// One time axis for all: each plot's begins where that with the widest labels does.
	left := 0.0
	for _, p := range plots {
		for _, t := range p.ticks {
			w, _ := dc.MeasureString(t.label)
			left = max(left, w)
		}
	}
	left += 2 * margin
	last, _ := dc.MeasureString("00 Nov 00:00")
	top := float64(titleRoom)
	for i, p := range plots {
		f := frame{Context: dc, plot: p, d: d, left: math.Round(left), right: width - margin - math.Ceil(last/2), top: top + 4, bottom: top + p.room - 10}
		f.axes(i == len(plots)-1)
		p.draw(f)
		f.marks()
		top += p.room
	}
	return encode(dc.Image())
}
