package picture_test

import (
	"bytes"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/picture"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.FixedZone("KST", 9*3600))

func at(m float64) time.Time { return noon.Add(time.Duration(m * float64(time.Minute))) }

// curve is a line over an hour.
func curve(name string, c picture.Color, f func(minute float64) float64) picture.Line {
	l := picture.Line{Name: name, Color: c}
	for i := range picture.Points {
		m := float64(i) / picture.Points * 60
		l.Points = append(l.Points, picture.Point{At: at(m), Value: f(m)})
	}
	return l
}

func wave(mean, swing float64) func(float64) float64 {
	return func(m float64) float64 { return mean + swing*math.Sin(m*1.7)*math.Cos(m*0.6) }
}

func span(state string, from, to float64) picture.Span {
	return picture.Span{State: state, From: at(from), To: at(to)}
}

// drawings are pictures of an hour as an engineer meets them.
var drawings = map[string]picture.Drawing{
	"healthy": {
		Title: "Circuit breakers and payment traffic, 20 Nov 12:00 to 13:00 KST", From: noon, To: at(60),
		Bands: []picture.Band{
			{Label: "kafka-publisher  10.0.0.1", Spans: []picture.Span{span("CLOSED", 0, 60)}},
			{Label: "kafka-publisher  10.0.0.2", Spans: []picture.Span{span("CLOSED", 0, 60)}},
			{Label: "pg-auth-api  10.0.0.1", Spans: []picture.Span{span("CLOSED", 0, 60)}},
			{Label: "pg-auth-api  10.0.0.2", Spans: []picture.Span{span("CLOSED", 0, 60)}},
		},
		Panels: []picture.Panel{
			{Unit: "%", Top: 100, Lines: []picture.Line{curve("pg-auth-api failure %", picture.Blue, wave(1, 0.4))}},
			{Unit: "/s", Lines: []picture.Line{curve("requests/s", picture.Blue, wave(23, 4))}},
			{Unit: "s", Lines: []picture.Line{curve("authorize p95", picture.Teal, wave(0.2, 0.03))}},
		},
	},
	"flapping": {
		Title: "Circuit breakers and payment traffic, 20 Nov 12:00 to 13:00 KST", From: noon, To: at(60),
		Bands: []picture.Band{
			{Label: "kafka-publisher  10.0.0.1", Spans: swings(17)},
			{Label: "kafka-publisher  10.0.0.2", Spans: swings(18.2)},
			{Label: "pg-auth-api  10.0.0.1", Spans: []picture.Span{span("CLOSED", 0, 60)}},
			{Label: "pg-auth-api  10.0.0.2", Spans: []picture.Span{span("CLOSED", 0, 60)}},
		},
		Panels: []picture.Panel{
			{Unit: "%", Top: 100, Lines: []picture.Line{curve("kafka-publisher failure %", picture.Red, func(m float64) float64 {
				if m < 17 || math.Mod(m-17, 2.5) > 0.5 {
					return math.NaN()
				}
				return 100
			}), curve("pg-auth-api failure %", picture.Blue, wave(1, 0.4))}},
			{Unit: "/s", Lines: []picture.Line{curve("requests/s", picture.Blue, wave(23, 4))}},
			{Unit: "s", Lines: []picture.Line{curve("authorize p95", picture.Teal, wave(0.2, 0.03))}},
		},
	},
	"outage": {
		Title: "Circuit breakers and payment traffic, 20 Nov 12:00 to 13:00 KST", From: noon, To: at(60),
		Bands: []picture.Band{
			{Label: "kafka-publisher  10.0.0.1", Spans: []picture.Span{span("CLOSED", 0, 38), span("CLOSED", 44, 60)}},
			{Label: "pg-auth-api  10.0.0.1", Spans: []picture.Span{span("CLOSED", 0, 21), span("OPEN", 21, 38), span("CLOSED", 44, 60)}},
		},
		Marks: []picture.Mark{{At: at(44), Text: "ingest restarted"}},
		Panels: []picture.Panel{
			{Unit: "%", Top: 100, Lines: []picture.Line{curve("pg-auth-api failure %", picture.Blue, ramp(2, 100, 15, 21, 38, 44)), curve("pg-auth-api slow %", picture.Orange, ramp(5, 80, 12, 20, 38, 44))}},
			{Unit: "/s", Lines: []picture.Line{curve("requests/s", picture.Blue, ramp(23, 40, 20, 24, 38, 44)), curve("5xx/s", picture.Red, ramp(0.1, 3, 20, 24, 38, 44)), curve("409/s", picture.Orange, ramp(0.2, 22, 20, 22, 38, 44))}},
			{Unit: "s", Lines: []picture.Line{curve("authorize p95", picture.Teal, ramp(0.2, 2.9, 12, 20, 38, 44))}},
		},
	},
}

// ramp rises from one value to another, is not known for a while, and is low again.
func ramp(low, high, from, to, lost, back float64) func(float64) float64 {
	return func(m float64) float64 {
		switch {
		case m > lost && m < back:
			return math.NaN()
		case m < from || m >= back:
			return low
		case m > to:
			return high
		}
		return low + (high-low)*(m-from)/(to-from)
	}
}

// swings go to and fro between OPEN and HALF_OPEN.
func swings(from float64) []picture.Span {
	all := []picture.Span{span("CLOSED", 0, from)}
	for m := from; m < 60; m += 2.5 {
		all = append(all, span("OPEN", m, m+0.5), span("HALF_OPEN", m+0.5, min(60, m+2.5)))
	}
	return all
}

// PICTURES names a folder to look at the pictures in.
func keep(t *testing.T, name string, data []byte) {
	if dir := os.Getenv("PICTURES"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name+".png"), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDrawing(t *testing.T) {
	t.Parallel()
	for name, d := range drawings {
		t.Run(name, func(t *testing.T) {
			data, err := picture.Draw(d)
			if err != nil {
				t.Fatal(err)
			}
			keep(t, name, data)
			if len(data) > 60_000 {
				t.Errorf("%d bytes, want at most 60,000", len(data))
			}
			if _, err := png.Decode(bytes.NewReader(data)); err != nil {
				t.Error(err)
			}
		})
	}
}

func BenchmarkDraw(b *testing.B) {
	for b.Loop() {
		if _, err := picture.Draw(drawings["outage"]); err != nil {
			b.Fatal(err)
		}
	}
}
