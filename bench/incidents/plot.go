package incidents

import (
	"fmt"
	"image/color"
	"os"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"payops-mcp/sandbox/drill"
)

// Plot draws for each family the share of scenarios that are fully right, alone, on
// top of near misses, and in pairs with any other, as an SVG.
func Plot(file string, records []Record) error {
	p := plot.New()
	p.Title.Text = fmt.Sprintf("Scenarios fully right, score %.3f", Score(records))
	p.Y.Label.Text = "%"
	p.Y.Min, p.Y.Max = 0, 100
	p.Legend.Top = true
	families := map[string]bool{}
	for _, r := range records {
		families[r.Family] = true
	}
	names := sortedKeys(families)
	const width = 7 // points
	for n, series := range []struct {
		name  string
		modes []drill.Mode
		color color.Color
	}{
		{"alone", []drill.Mode{drill.Alone, drill.Pair}, color.RGBA{R: 0x1f, G: 0x77, B: 0xb4, A: 0xff}},
		{"over near misses", []drill.Mode{drill.Over, drill.Noise}, color.RGBA{R: 0xff, G: 0x7f, B: 0x0e, A: 0xff}},
	} {
		values := make(plotter.Values, len(names))
		for i, name := range names {
			values[i] = share(records, name, series.modes)
		}
		bars, err := plotter.NewBarChart(values, vg.Points(width))
		if err != nil {
			return err
		}
		bars.Color, bars.LineStyle.Width = series.color, 0
		bars.Offset = vg.Points(width) * vg.Length(2*n-1) / 2
		p.Add(bars)
		p.Legend.Add(series.name, bars)
	}
	p.NominalX(names...)
	p.Legend.YOffs = vg.Points(14)
	c := vgsvg.New(20*vg.Centimeter, 9*vg.Centimeter)
	p.Draw(draw.New(c))
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	if _, err := c.WriteTo(f); err != nil {
		_ = f.Close() // what went wrong before says more
		return err
	}
	return f.Close()
}

// share is how much of a family is fully right, in percent; 0 where nothing was run.
func share(records []Record, family string, modes []drill.Mode) float64 {
	right, of := 0, 0
	for _, r := range records {
		for _, m := range modes {
			if r.Family == family && r.Mode == m {
				of++
				if r.Right() {
					right++
				}
			}
		}
	}
	if of == 0 {
		return 0
	}
	return 100 * float64(right) / float64(of)
}
