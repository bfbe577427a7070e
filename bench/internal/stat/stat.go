// Package stat reduces samples to the figures that a benchmark tells.
package stat

import (
	"math"
	"slices"
)

// Median returns the middle of the samples, the mean of the two middle ones of an
// even number, NaN of none. The samples stay as they are.
func Median(samples []float64) float64 {
	n := len(samples)
	if n == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(samples))
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// Quantile returns the smallest sample that at least the share q of all samples,
// 0 to 1, does not exceed; NaN of none. The samples stay as they are.
func Quantile(samples []float64, q float64) float64 {
	n := len(samples)
	if n == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(samples))
	rank := int(math.Ceil(q * float64(n)))
	return sorted[min(max(rank, 1), n)-1]
}
