package tool

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
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
	what := slog.String("tool", t.Spec.Name)
	if q, ok := errors.AsType[*questionError](err); ok {
		log.LogAttrs(ctx, slog.LevelInfo, "call asks the person first", what, slog.Int64("call", id), slog.Duration("took", time.Since(start)))
		return q.result()
	}
	f := logCall(ctx, log, what, id, start, err)
	if f == nil {
		return r.result(ctx)
	}
	return mcp.NewToolResultError(told(f, id))
}

// result is an answer as the library takes it.
func (r rendered) result(ctx context.Context) *mcp.CallToolResult {
	result := mcp.NewToolResultStructured(json.RawMessage(r.structured), r.text)
	if aside, ok := ctx.Value(asideKey{}).(*Aside); ok {
		result.StructuredContent = structuredAside{aside, r.structured}
		result.Content = []mcp.Content{textAside{mcp.NewTextContent(r.text), aside}}
	}
	for _, p := range r.pictures {
		result.Content = append(result.Content, mcp.NewImageContent(base64.StdEncoding.EncodeToString(p.Data), p.MIME))
	}
	return result
}

// logCall writes the line of a call that is over and returns what it failed of, nil
// for nothing.
func logCall(ctx context.Context, log *slog.Logger, what slog.Attr, id int64, start time.Time, err error) *fault.Error {
	attrs := []slog.Attr{what, slog.Int64("call", id), slog.Duration("took", time.Since(start))}
	f, level := fault.Of(err), slog.LevelInfo
	if f != nil {
		attrs = append(attrs, slog.String("fault", string(f.Kind)))
		if f.Kind == fault.Internal {
			level = slog.LevelError
			attrs = append(attrs, slog.Any("error", f.Err))
		}
	}
	log.LogAttrs(ctx, level, "call", attrs...)
	return f
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

// guarded calls the handler within its time.
func (t Tool) guarded(ctx context.Context, args []byte, limits Limits) (rendered, error) {
	return within(ctx, limits.Timeout, func(ctx context.Context) (rendered, error) { return t.call(ctx, args, limits.MaxBytes) })
}

// within calls do with a deadline and turns a panic into an internal error. What
// does not heed its context is left to end by itself: the caller gets an answer
// all the same.
func within[T any](ctx context.Context, timeout time.Duration, do func(context.Context) (T, error)) (none T, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	type outcome struct {
		v   T
		err error
	}
	done := make(chan outcome, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				done <- outcome{err: panicked(r)}
			}
		}()
		makeRoom()
		v, err := do(ctx)
		done <- outcome{v, err}
	}()
	select {
	case o := <-done:
		return o.v, o.err
	case <-ctx.Done():
	}
	select {
	case o := <-done:
		return o.v, o.err
	case <-time.After(grace):
		return none, ctx.Err()
	}
}

// makeRoom has the stack of a new goroutine grow at once to what most calls need. Else
// it doubles again and again, and each time all that is on it by then is gone through:
// a twentieth of the processor time of a quick call.
//
//go:noinline
func makeRoom() {
	var room [12 << 10]byte
	runtime.KeepAlive(&room)
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
