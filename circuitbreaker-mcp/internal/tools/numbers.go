package tools

import (
	"fmt"
	"math"
	"strings"
)

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func whole(v float64) string { return fmt.Sprintf("%.0f", math.Round(v)) }

func round2(v float64) float64 { return math.Round(v*100) / 100 }

func percentless(v float64) string { return strings.TrimSuffix(percent(v), "%") }

// rounded is a count without the fractions that Prometheus extrapolates to.
func rounded(v *float64) *float64 {
	if v == nil {
		return nil
	}
	n := math.Round(*v)
	return &n
}

func decimals(v *float64) *float64 {
	if v == nil {
		return nil
	}
	n := math.Round(*v*1000) / 1000
	return &n
}
