// Package fault holds the errors that a caller can act on. A tool fails in one
// of five ways; each says what was asked, what answered and what to do next.
package fault

import (
	"context"
	"errors"
	"fmt"
)

// Kind says whose move it is.
type Kind string

// The kinds of failure of a call.
const (
	Invalid     Kind = "invalid"     // the caller's words: change the arguments
	NotFound    Kind = "not_found"   // what was asked for does not exist
	Unavailable Kind = "unavailable" // no system that could answer did
	Refused     Kind = "refused"     // the configuration or a guard forbids it
	Internal    Kind = "internal"    // our own mistake: the log has the details
)

// Error is a failure of a call. Message is for the caller and holds no secret.
type Error struct {
	Kind    Kind
	Message string
	Next    string // what to do next, one sentence; may be empty
	Err     error  // the cause, for the log
}

// Error returns kind, message and the next step.
func (e *Error) Error() string {
	s := string(e.Kind) + ": " + e.Message
	if e.Next != "" {
		s += ". " + e.Next
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// New makes a failure of a kind. A %w in format becomes its cause.
func New(kind Kind, next, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: kind, Message: err.Error(), Next: next, Err: errors.Unwrap(err)}
}

// Invalidf is a failure of the caller's words.
func Invalidf(format string, args ...any) *Error { return New(Invalid, "", format, args...) }

// Of returns err as an Error. A source's Failure is unavailable, and so are a
// deadline and a cancelled call. What is none of ours is internal; its text stays
// in Err, for the log alone.
func Of(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if f, ok := errors.AsType[*Failure](err); ok {
		return &Error{Kind: Unavailable, Message: string(f.Class) + ": " + f.Said.Quoted(), Next: f.Next, Err: err}
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Kind: Unavailable, Message: "no answer within the time allowed for a call",
			Next: "Ask for less (a shorter time_range, a smaller limit), or raise PAYOPS_CALL_TIMEOUT", Err: err}
	case errors.Is(err, context.Canceled):
		return &Error{Kind: Unavailable, Message: "the call was cancelled", Err: err}
	}
	return InternalOf(err)
}

// InternalOf is a failure of our own. The caller is sent to the log, which alone
// says what err says: it may hold a secret.
func InternalOf(err error) *Error {
	return &Error{Kind: Internal, Message: "the server failed on this call; its log (stderr) has the details", Err: err}
}
