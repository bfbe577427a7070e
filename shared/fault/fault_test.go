package fault_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"payops-mcp/shared/fault"
)

func TestOf(t *testing.T) {
	secret := errors.New("dsn user:hunter2@tcp")
	for name, c := range map[string]struct {
		err  error
		kind fault.Kind
		want string
	}{
		"ours":                {fault.New(fault.Refused, "Ask an operator", "not here"), fault.Refused, "refused: not here. Ask an operator"},
		"ours, wrapped":       {fmt.Errorf("handler: %w", fault.Invalidf("limit: got 0")), fault.Invalid, "invalid: limit: got 0"},
		"a source's":          {&fault.Failure{Class: fault.Auth, Said: "no\x1b", Next: "Look at the password"}, fault.Unavailable, `unavailable: auth: "no\\u001b". Look at the password`},
		"a source's, wrapped": {fmt.Errorf("shard2: %w", &fault.Failure{Class: fault.Timeout, Said: "x"}), fault.Unavailable, `unavailable: timeout: "x"`},
		"deadline":            {fmt.Errorf("query: %w", context.DeadlineExceeded), fault.Unavailable, "within the time allowed"},
		"cancelled":           {context.Canceled, fault.Unavailable, "the call was cancelled"},
		"anything else":       {secret, fault.Internal, "its log (stderr) has the details"},
	} {
		t.Run(name, func(t *testing.T) {
			f := fault.Of(c.err)
			if f.Kind != c.kind || !strings.Contains(f.Error(), c.want) {
				t.Errorf("got %s, want %s: %s", f, c.kind, c.want)
			}
			if strings.Contains(f.Error(), "hunter2") {
				t.Errorf("the caller sees the inside: %s", f)
			}
			if !errors.Is(f, c.err) && f.Err != nil {
				t.Errorf("the log would not see the cause: %v", f.Err)
			}
		})
	}
	if fault.Of(nil) != nil {
		t.Error("no error became a failure")
	}
}

func TestFailureOfKeepsTheClassThatTheSourceGave(t *testing.T) {
	inner := &fault.Failure{Class: fault.Auth, Said: "denied"}
	if got := fault.FailureOf(fmt.Errorf("ping: %w", inner), fault.Unexpected); got != inner {
		t.Errorf("got %v", got)
	}
	if got := fault.FailureOf(errors.New("boom"), fault.Schema); got.Class != fault.Schema || got.Said.String() != "boom" {
		t.Errorf("got %v", got)
	}
	if fault.FailureOf(nil, fault.Schema) != nil {
		t.Error("no error became a failure")
	}
}
