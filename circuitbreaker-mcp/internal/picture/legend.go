package picture

import "image/color"

// key is one entry of a legend.
type key struct {
	name string
	fill color.Color
}

// legend writes its entries in one row on top of a plot.
func (f frame) legend(keys []key) {
	x, y := f.left+6, f.top+9
	for _, k := range keys {
		f.box(x, y-4, x+12, y+4, k.fill)
		text(f.Context, k.name, x+17, y, 0)
		w, _ := f.MeasureString(k.name)
		x += 17 + w + 18
	}
}
