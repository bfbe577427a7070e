// Package picture draws what happened over a time: the states of circuit breakers
// as bands, numbers as lines, on one time axis, small enough for a chat window.
//
// It knows nothing of where the numbers come from.
package picture

import (
	"fmt"
	"image/color"
	"math"
	"strings"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
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

const (
	dpi         = 96
	widthPx     = 900
	titlePx     = 34
	panelPx     = 132
	bandPx      = 30
	minBandsPx  = 84
	thinnestPx  = 3 // of a state that is not CLOSED: half a minute of a day is less than one
	labelPoints = 8.5
)

func px(n float64) vg.Length { return vg.Length(n) * vg.Inch / dpi }

// Draw draws a PNG.
func Draw(d Drawing) ([]byte, error) {
	bands := max(minBandsPx, float64(len(d.Bands))*bandPx+44)
	height := titlePx + bands + float64(len(d.Panels))*panelPx + 26
	img := vgimg.NewWith(vgimg.UseWH(px(widthPx), px(height)), vgimg.UseDPI(dpi), vgimg.UseBackgroundColor(color.White))
	whole := draw.New(img)

	plots := []*plot.Plot{d.bands()}
	heights := []float64{bands}
	for _, p := range d.Panels {
		panel, err := d.panel(p)
		if err != nil {
			return nil, err
		}
		plots, heights = append(plots, panel), append(heights, panelPx)
	}
	heights[len(heights)-1] += 26 // for the labels of the time axis, which the last one alone has
	for i, p := range plots {
		d.axes(p, i == len(plots)-1)
	}

	title := plot.New().Title.TextStyle
	title.Color, title.Font = ink, font.Font{Typeface: "Liberation", Variant: "Sans", Weight: 700, Size: 12}
	title.XAlign, title.YAlign = draw.XLeft, draw.YTop
	whole.FillText(title, vg.Point{X: px(12), Y: whole.Max.Y - px(10)}, d.Title)

	top := whole.Max.Y - px(titlePx)
	area := draw.Crop(whole, px(10), -px(14), 0, 0)
	left, right := edges(plots, area)
	for i, p := range plots {
		c := area
		c.Max.Y, c.Min.Y = top, top-px(heights[i])
		top = c.Min.Y
		// One time axis for all: each plot's begins and ends where the shortest does.
		own := p.DataCanvas(c)
		c.Min.X += left - own.Min.X
		c.Max.X -= own.Max.X - right
		p.Draw(c)
	}
	return encode(img.Image())
}

// edges are where the plot with the widest labels begins and ends.
func edges(plots []*plot.Plot, area draw.Canvas) (left, right vg.Length) {
	right = area.Max.X
	for _, p := range plots {
		c := p.DataCanvas(area)
		left, right = max(left, c.Min.X), min(right, c.Max.X)
	}
	return left, right
}

// base is a plot of the drawing's time.
func (d Drawing) base() *plot.Plot {
	p := plot.New()
	p.X.Min, p.X.Max = unix(d.From), unix(d.To)
	p.X.Padding, p.Y.Padding = 0, 0
	p.Legend.TextStyle.Font, p.Legend.TextStyle.Color = small(), ink
	return p
}

func small() font.Font { return font.Font{Typeface: "Liberation", Variant: "Sans", Size: labelPoints} }

func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// axes gives a plot its time axis, with labels if it is the last.
func (d Drawing) axes(p *plot.Plot, labels bool) {
	p.X.Tick.Marker = ticks{d.From, d.To, labels}
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Tick.Label.Font, a.Tick.Label.Color = small(), ink
		a.Color, a.Tick.Color = faint, faint
		a.Width = vg.Points(0.75)
	}
	for _, m := range d.Marks {
		p.Add(mark{unix(m.At)})
	}
}

// panel makes the plot of a panel.
func (d Drawing) panel(panel Panel) (*plot.Plot, error) {
	p := d.base()
	p.Y.Min, p.Y.Max = 0, panel.Top
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = faint, faint
	p.Add(grid)
	var keys []key
	for _, l := range panel.Lines {
		style := draw.LineStyle{Color: palette[l.Color], Width: vg.Points(1.4)}
		for _, run := range unbroken(l.Points) {
			if len(run) == 1 {
				dots, err := plotter.NewScatter(run)
				if err != nil {
					return nil, fmt.Errorf("draw %s: %w", l.Name, err)
				}
				dots.Color, dots.Radius, dots.Shape = palette[l.Color], vg.Points(1.4), draw.CircleGlyph{}
				p.Add(dots)
				continue
			}
			line, err := plotter.NewLine(run)
			if err != nil {
				return nil, fmt.Errorf("draw %s: %w", l.Name, err)
			}
			line.LineStyle = style
			p.Add(line)
		}
		keys = append(keys, key{l.Name, palette[l.Color]})
		for _, x := range l.Points {
			if x.Value > p.Y.Max {
				p.Y.Max = x.Value
			}
		}
	}
	// Room for the legend above the lines, and never an axis without a length.
	p.Y.Min, p.Y.Max = 0, max(p.Y.Max, math.SmallestNonzeroFloat32)*1.28
	p.Add(legend{keys})
	p.Y.Tick.Marker = values{panel.Unit}
	return p, nil
}

// unbroken are the runs of points that are known.
func unbroken(points []Point) (runs []plotter.XYs) {
	open := false
	for _, x := range points {
		if math.IsNaN(x.Value) {
			open = false
			continue
		}
		if !open {
			runs, open = append(runs, nil), true
		}
		runs[len(runs)-1] = append(runs[len(runs)-1], plotter.XY{X: unix(x.At), Y: x.Value})
	}
	return runs
}

// mark is a vertical line at a moment.
type mark struct{ x float64 }

// Plot draws the line.
func (m mark) Plot(c draw.Canvas, p *plot.Plot) {
	x, _ := p.Transforms(&c)
	c.StrokeLine2(draw.LineStyle{Color: marked, Width: vg.Points(1), Dashes: []vg.Length{px(4), px(3)}}, x(m.x), c.Min.Y, x(m.x), c.Max.Y)
}

// ticks label the time.
type ticks struct {
	from, to time.Time
	labels   bool
}

var tickSteps = []time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour}

// Ticks are at round times of the zone.
func (t ticks) Ticks(_, _ float64) (all []plot.Tick) {
	step := tickSteps[len(tickSteps)-1]
	for _, s := range tickSteps {
		if t.to.Sub(t.from) <= 9*s {
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
	_, offset := t.from.Zone()
	shift := time.Duration(offset) * time.Second
	for at := t.from.Add(shift).Truncate(step).Add(-shift); !at.After(t.to); at = at.Add(step) {
		if at.Before(t.from) {
			continue
		}
		tick := plot.Tick{Value: unix(at), Label: " "}
		if t.labels {
			tick.Label = at.Format(layout)
		}
		all = append(all, tick)
	}
	return all
}

// values label numbers with their unit, a few of them.
type values struct{ unit string }

// Ticks are at round numbers.
func (v values) Ticks(low, high float64) (all []plot.Tick) {
	step := math.Pow(10, math.Floor(math.Log10(high-low)))
	for (high-low)/step > 4 {
		switch first := math.Round(step / math.Pow(10, math.Floor(math.Log10(step)))); first {
		case 2:
			step *= 2.5
		default:
			step *= 2
		}
	}
	for (high-low)/step < 2 {
		step /= 2
	}
	for n := math.Ceil(low / step); n*step <= high; n++ {
		all = append(all, plot.Tick{Value: n * step, Label: strings.TrimSpace(fmt.Sprintf("%.3g", n*step) + " " + v.unit)})
	}
	return all
}
