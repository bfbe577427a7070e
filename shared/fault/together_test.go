package fault_test

import (
	"fmt"
	"strings"
	"testing"

	"payops-mcp/shared/fault"
)

func TestTogetherRunsSideBySide(t *testing.T) {
	a, b := make(chan int), make(chan int)
	fault.Together(func() { a <- 1; <-b }, func() { <-a; b <- 2 }) // one after the other they would never end
	fault.Together()
}

func TestAPanicBesideGoesOnInTheCaller(t *testing.T) {
	ended := false
	defer func() {
		said := fmt.Sprint(recover())
		if !strings.Contains(said, "boom") || !strings.Contains(said, "together_test.go") {
			t.Errorf("recovered %q, want what it said and where", said)
		}
		if !ended {
			t.Error("the others were not waited for")
		}
	}()
	fault.Together(func() { panic("boom") }, func() { ended = true })
	t.Error("the panic was lost")
}
