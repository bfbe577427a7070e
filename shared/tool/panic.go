package tool

import (
	"fmt"
	"runtime/debug"

	"payops-mcp/shared/fault"
)

// panicked makes an internal error of a panic. What it said stays in the log: it
// may hold a secret.
func panicked(r any) error {
	return fault.InternalOf(fmt.Errorf("panic: %v\n%s", r, debug.Stack()))
}
