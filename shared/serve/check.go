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

// checkGrace is how long a check may overstay its deadline.
const checkGrace = 250 * time.Millisecond

// check asks all sources side by side and prints a line for each, in order.
func check(ctx context.Context, timeout time.Duration, checks []Check, stdout io.Writer) int {
	code := ExitOK
	for _, r := range askAll(ctx, timeout, checks) {
		if !r.OK() {
			code = ExitFailed
		}
		fmt.Fprintln(stdout, resultLine(r))
	}
	return code
}

// askAll asks all sources side by side within timeout.
func askAll(ctx context.Context, timeout time.Duration, checks []Check) []fault.Source {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	results := make([]fault.Source, len(checks))
	var wg sync.WaitGroup
	for i, c := range checks {
		wg.Go(func() { results[i] = c.ask(ctx, fmt.Sprintf("check %d of %d", i+1, len(checks))) })
	}
	wg.Wait()
	return results
}

// ask runs a check. One that panics or overstays its deadline has failed, under
// the name that stands for it.
func (c Check) ask(ctx context.Context, name string) fault.Source {
	start := time.Now()
	done := make(chan fault.Source, 1)
	failed := func(class fault.Class, said string) fault.Source {
		return fault.Source{Name: name, Asked: "whether it answers", Took: time.Since(start), Err: &fault.Failure{Class: class, Said: foreign.Text(said)}}
	}
	go func() {
		defer func() {
			if r := recover(); r != nil {
				done <- failed(fault.Unexpected, fmt.Sprint("our own mistake: ", r))
			}
		}()
		done <- c(ctx)
	}()
	select {
	case s := <-done:
		return s
	case <-ctx.Done():
	}
	select {
	case s := <-done:
		return s
	case <-time.After(checkGrace):
		return failed(fault.Timeout, "no answer within the time allowed")
	}
}

func resultLine(r fault.Source) string {
	name, took := foreign.Clean(r.Name, foreign.MaxText), r.Took.Round(time.Millisecond/10)
	if r.OK() {
		return fmt.Sprintf("ok      %s (%s)", name, took)
	}
	line := fmt.Sprintf("FAILED  %s (%s): %s: asked %s, got %s", name, took, r.Err.Class, foreign.Clean(r.Asked, foreign.MaxText), r.Err.Said.Quoted())
	if r.Err.Next != "" {
		line += ". " + foreign.Clean(r.Err.Next, foreign.MaxText)
	}
	return line
}
