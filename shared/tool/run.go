package tool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

// maxFault is the number of characters of a refusal or failure that are shown.
const maxFault = 2000

// grace is how long a handler may overstay its deadline before it is left behind.
const grace = 250 * time.Millisecond

// calls numbers the calls of this process, so that an internal error can be
// found in the log.
var calls atomic.Int64

// run answers one call. It never fails: what went wrong is the answer, marked as
// an error, so that a model reads it and can do something about it.
func (t Tool) run(ctx context.Context, args []byte, limits Limits, log *slog.Logger) *mcp.CallToolResult {
	id, start := calls.Add(1), time.Now()
	r, err := t.guarded(ctx, args, limits)
	if err == nil && !json.Valid(r.structured) { // the library would leave such a call unanswered
		err = errors.New("the structured answer is no JSON")
	}
	attrs := []slog.Attr{slog.String("tool", t.Spec.Name), slog.Int64("call", id), slog.Duration("took", time.Since(start))}
	if err == nil {
		log.LogAttrs(ctx, slog.LevelInfo, "call", attrs...)
		return mcp.NewToolResultStructured(json.RawMessage(r.structured), r.text)
	}
	f := fault.Of(err)
	attrs = append(attrs, slog.String("fault", string(f.Kind)))
	level := slog.LevelInfo
	if f.Kind == fault.Internal {
		level = slog.LevelError
		attrs = append(attrs, slog.Any("error", f.Err))
	}
	log.LogAttrs(ctx, level, "call", attrs...)
	return mcp.NewToolResultError(told(f, id))
}

// told is what the caller reads of a failure.
func told(f *fault.Error, id int64) string {
	text := foreign.Clean(f.Error(), maxFault)
	switch {
	case f.Kind == fault.Internal:
		text += fmt.Sprintf(" under call=%d", id)
	case f.Kind == fault.Unavailable && strings.Contains(text, `"`):
		text += " (" + foreign.Notice + ")"
	}
	return text
}

// guarded calls the handler with a deadline and turns a panic into an internal
// error. A handler that does not heed its context is left to end by itself: the
// caller gets an answer all the same.
func (t Tool) guarded(ctx context.Context, args []byte, limits Limits) (rendered, error) {
	ctx, cancel := context.WithTimeout(ctx, limits.Timeout)
	defer cancel()
	type outcome struct {
		r   rendered
		err error
	}
	done := make(chan outcome, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				done <- outcome{err: panicked(r)}
			}
		}()
		r, err := t.call(ctx, args, limits.MaxBytes)
		done <- outcome{r, err}
	}()
	select {
	case o := <-done:
		return o.r, o.err
	case <-ctx.Done():
	}
	select {
	case o := <-done:
		return o.r, o.err
	case <-time.After(grace):
		return rendered{}, ctx.Err()
	}
}

// arguments returns the arguments as they came over the wire, so that large
// integers keep their digits.
func arguments(req mcp.CallToolRequest) []byte {
	switch raw := req.GetRawArguments().(type) {
	case json.RawMessage:
		return raw
	case nil:
		return nil
	default:
		data, err := json.Marshal(raw)
		if err != nil {
			return []byte("?") // refused by bind as no JSON object
		}
		return data
	}
}
