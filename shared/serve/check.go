package serve

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

// check asks all sources side by side and prints a line for each, in order.
func check(ctx context.Context, timeout time.Duration, checks []Check, stdout io.Writer) int {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	results := make([]fault.Source, len(checks))
	var wg sync.WaitGroup
	for i, c := range checks {
		wg.Go(func() { results[i] = c(ctx) })
	}
	wg.Wait()
	code := ExitOK
	for _, r := range results {
		if r.OK() {
			fmt.Fprintf(stdout, "ok      %s (%s)\n", r.Name, r.Took.Round(time.Millisecond/10))
			continue
		}
		code = ExitFailed
		fmt.Fprintf(stdout, "FAILED  %s (%s): %s: asked %s, got %s", r.Name, r.Took.Round(time.Millisecond/10),
			r.Err.Class, foreign.Clean(r.Asked, foreign.MaxText), r.Err.Said.Quoted())
		if r.Err.Next != "" {
			fmt.Fprintf(stdout, ". %s", r.Err.Next)
		}
		fmt.Fprintln(stdout)
	}
	return code
}
