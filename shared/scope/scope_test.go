package scope_test

import (
	"strings"
	"testing"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/scope"
)

func TestScope(t *testing.T) {
	limited := scope.Merchants{"M1", "M2"}
	for id, inside := range map[string]bool{"M1": true, "M2": true, "M3": false, "m1": false, "M1 ": false, "": false} {
		err := limited.Check(id)
		if (err == nil) != inside {
			t.Errorf("%q: %v", id, err)
		}
		if err != nil && fault.Of(err).Kind != fault.Refused {
			t.Errorf("%q is %s", id, fault.Of(err).Kind)
		}
	}
	if err := (scope.Merchants{}).Check("anyone"); err != nil {
		t.Errorf("no scope refuses: %v", err)
	}
	if err := limited.Check("x\x1b[2J"); strings.Contains(err.Error(), "\x1b") || !strings.Contains(err.Error(), "M1, M2") {
		t.Errorf("got %q", err)
	}
}
