package ingest

import "testing"

func TestPercent(t *testing.T) {
	for text, want := range map[string]float64{
		"0.00%": 0, "100.00%": 100, "50.00%": 50, "50,00%": 50, "7.25%": 7.25, "50%": 50,
		"٥٠٫٢٥٪": 50.25, "۵۰٫۰۰%": 50, "५०.००%": 50, "５０．００%": -2, "\u200e50.00%\u200e": 50,
	} {
		rate, ok := percent(text)
		if want == -2 { // full-width digits are digits, the full-width stop is no separator of any locale
			if ok {
				t.Errorf("%q was taken as %v", text, *rate)
			}
			continue
		}
		if !ok || rate == nil || *rate != want {
			t.Errorf("%q: got %v, %v, want %v", text, rate, ok, want)
		}
	}
	for _, text := range []string{"-1.00%", "-1,00%", "-1%", "−1,00%", "-١٫٠٠%", "\u061c-١٫٠٠٪"} {
		if rate, ok := percent(text); !ok || rate != nil {
			t.Errorf("%q: got %v, %v, want that there are too few calls", text, rate, ok)
		}
	}
	for _, text := range []string{"", "%", "50.00", "50.00 pct", "NaN%", "Infinity%", "-0.50%", "-2.00%", "100.01%", "1e2%", "0x10%", "5 0%", "1.000,00%", "--1%", "50.00%%", "50.0-%", "not available"} {
		if rate, ok := percent(text); ok {
			t.Errorf("%q was taken as %v", text, rate)
		}
	}
}
