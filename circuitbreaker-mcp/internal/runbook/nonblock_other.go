//go:build !unix

package runbook

// nonblock is only needed where a directory can hold a pipe.
const nonblock = 0
