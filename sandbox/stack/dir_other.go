//go:build !linux

package stack

// freeBytes knows nothing: only Linux has a folder in memory by default.
func freeBytes(string) (uint64, bool) { return 0, false }
