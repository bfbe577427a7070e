package picture

import (
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// key is one entry of a legend.
type key struct {
	name string
	fill color.Color
}

// legend writes its entries in one row on top of a plot.
type legend struct{ keys []key }

// Plot draws the legend.
func (l legend) Plot(c draw.Canvas, p *plot.Plot) {
	style := p.Legend.TextStyle
	style.YAlign = draw.YCenter
	x, y := c.Min.X+px(4), c.Max.Y-px(9)
	for _, k := range l.keys {
		c.FillPolygon(k.fill, []vg.Point{{X: x, Y: y - px(4)}, {X: x, Y: y + px(4)}, {X: x + px(12), Y: y + px(4)}, {X: x + px(12), Y: y - px(4)}})
		c.FillText(style, vg.Point{X: x + px(17), Y: y}, k.name)
		x += px(17) + style.Width(k.name) + px(18)
	}
}
