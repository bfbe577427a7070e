//go:build !linux

package serve

// unmap is for kernels that map more of a program than it touches.
func unmap() {}
