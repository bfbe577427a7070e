package stack_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"testing"

	"payops-mcp/sandbox/seed"
	"payops-mcp/sandbox/stack"
)

// ownerEnv turns this test binary into a program that starts a stack, tells
// where it is, and waits to be killed: see TestKilledOwner.
const ownerEnv = "STACK_TEST_OWNER"

func TestMain(m *testing.M) {
	if os.Getenv(ownerEnv) != "" {
		if err := own(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func own() error {
	s, err := stack.Start(context.Background(), stack.Options{
		Parts: stack.All &^ stack.PartKafka, Proxied: true, Seed: &seed.Options{Payments: 100},
	})
	if err != nil {
		return err
	}
	env := s.Env()
	maps.Copy(env, s.AdminEnv())
	if err := json.NewEncoder(os.Stdout).Encode(env); err != nil {
		return err
	}
	_, err = os.Stdin.Read(make([]byte, 1))
	return errors.Join(err, s.Close())
}
