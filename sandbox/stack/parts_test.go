package stack_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"payops-mcp/sandbox/stack"
	"payops-mcp/sandbox/stack/proc"
	"payops-mcp/sandbox/stack/stacktest"
)

func TestParseParts(t *testing.T) {
	for list, want := range map[string]stack.Parts{
		"": stack.All, "all": stack.All, "redis": stack.PartRedis,
		"mariadb, kafka": stack.PartMariaDB | stack.PartKafka,
	} {
		if got, err := stack.ParseParts(list); err != nil || got != want {
			t.Errorf("%q: %v, %v; want %v", list, got, err, want)
		}
	}
	if _, err := stack.ParseParts("redis,oracle"); err == nil || !strings.Contains(err.Error(), "mariadb") {
		t.Errorf("got %v, want an error with the choices", err)
	}
	if got, err := stack.ParseParts(stack.All.String()); err != nil || got != stack.All {
		t.Errorf("what All prints is read as %v, %v", got, err)
	}
}

// A start that fails or is cancelled leaves nothing behind.
func TestFailedStartCleansUp(t *testing.T) {
	stacktest.Require(t, stack.PartMariaDB|stack.PartRedis)
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := stack.Start(ctx, stack.Options{Parts: stack.PartMariaDB | stack.PartRedis, Dir: dir})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want it cancelled", err)
	}
	left, err := filepath.Glob(filepath.Join(dir, proc.Prefix+"*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
	if _, err := stack.Start(t.Context(), stack.Options{Parts: stack.PartRedis, Dir: filepath.Join(dir, "none")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
}

// Two stacks at once do not meet, and closing twice is no error.
func TestSideBySide(t *testing.T) {
	a, b := stacktest.Fresh(t, stack.Options{Parts: stack.PartRedis}), stacktest.Fresh(t, stack.Options{Parts: stack.PartRedis})
	if err := a.Redis.Admin().Set(t.Context(), "who", "a", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if n, err := b.Redis.Admin().Exists(t.Context(), "who").Result(); err != nil || n != 0 {
		t.Errorf("the other stack has %d (%v)", n, err)
	}
	if err := errors.Join(a.Close(), a.Close()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(a.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder of a closed stack: %v", err)
	}
}
