package incident

import (
	"context"
	"time"

	"payops-mcp/sandbox/stack"
)

// LetPass lets time pass in the databases of a system: everything in them is so
// much older afterwards, and nothing has changed meanwhile.
func LetPass(ctx context.Context, s *stack.Stack, by time.Duration) error {
	return age(ctx, &World{Stack: s}, by)
}
