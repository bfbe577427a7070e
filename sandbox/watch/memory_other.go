//go:build !linux

package watch

// resident is not known here.
func resident(int) (int64, bool) { return 0, false }

// Load is not known here.
func Load() string { return "" }
