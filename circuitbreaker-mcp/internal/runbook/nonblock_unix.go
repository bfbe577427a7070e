//go:build unix

package runbook

import "syscall"

// nonblock keeps the opening of a pipe that took a page's place from waiting for
// its other end.
const nonblock = syscall.O_NONBLOCK
