package fault

import (
	"errors"
	"time"

	"payops-mcp/shared/foreign"
)

// Source is what asking one system came to. A failure to look is part of the
// answer, so it travels with the facts and is never only logged.
type Source struct {
	Name  string        // which system: "ingest 127.0.0.1:8080", "payment-db shard2"
	Asked string        // what was asked, for a person to repeat; no secrets
	Took  time.Duration // until the answer or the failure
	Err   *Failure      // nil when it answered
}

// OK reports whether the system answered.
func (s Source) OK() bool { return s.Err == nil }

// Class says why a system did not give the facts asked for.
type Class string

// The classes of failure of a source. Judges map them to finding codes.
const (
	Unreachable  Class = "unreachable"  // dial refused, no route, unknown name
	Timeout      Class = "timeout"      // it accepted, or may have, and did not answer in time
	Auth         Class = "auth"         // it does not know us
	Permission   Class = "permission"   // it knows us and forbids this
	BadGateway   Class = "bad_gateway"  // a proxy before it answered 502, 503 or 504
	MissingPath  Class = "missing_path" // HTTP 404: another base path
	BadStatus    Class = "bad_status"   // another HTTP status or error reply
	NotJSON      Class = "not_json"     // HTML, nothing, or garbage
	Schema       Class = "schema"       // well-formed, but a field is missing or of another type
	Busy         Class = "busy"         // it has no connection left for us
	Loading      Class = "loading"      // it is starting and does not answer yet
	WrongServer  Class = "wrong_server" // another node or role owns what was asked for
	Disconnected Class = "disconnected" // the connection broke in the middle
	Unexpected   Class = "unexpected"   // none of the above
)

// Failure is why a source did not answer. Said is foreign text: what the system
// or the network said, cleaned when shown.
type Failure struct {
	Class Class
	Said  foreign.Text
	Next  string // what to do about it, one sentence; may be empty
	Err   error  // the cause, for the log
}

// Error returns the class and what the system said.
func (f *Failure) Error() string { return string(f.Class) + ": " + f.Said.String() }

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Err }

// FailureOf returns err as a Failure; class is used when it is not one already.
func FailureOf(err error, class Class) *Failure {
	if err == nil {
		return nil
	}
	if f, ok := errors.AsType[*Failure](err); ok {
		return f
	}
	return &Failure{Class: class, Said: foreign.Text(err.Error()), Err: err}
}
