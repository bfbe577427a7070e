package defect_test

import (
	"slices"
	"testing"

	"payops-mcp/sandbox/paysim/defect"
)

func TestSet(t *testing.T) {
	var s defect.Set
	if s.Has(defect.NoDedupe) || len(s.Names()) != 0 {
		t.Error("the zero value is not healthy")
	}
	names, err := defect.Parse(" no-dedupe, parity-filter,")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Set(names...); err != nil {
		t.Fatal(err)
	}
	if !s.Has(defect.NoDedupe) || !s.Has(defect.ParityFilter) || s.Has(defect.BlindBreaker) {
		t.Errorf("switched on: %v", s.Names())
	}
	if err := s.Set(); err != nil || s.Has(defect.NoDedupe) {
		t.Errorf("not switched off again: %v (%v)", s.Names(), err)
	}
}

func TestUnknownIsRefused(t *testing.T) {
	var s defect.Set
	if err := s.Set(defect.NoDedupe); err != nil {
		t.Fatal(err)
	}
	if err := s.Set("no-dedup"); err == nil {
		t.Error("a misspelt defect was taken")
	}
	if !slices.Equal(s.Names(), []defect.Name{defect.NoDedupe}) {
		t.Errorf("the refused change left %v", s.Names())
	}
	if _, err := defect.Parse("no-dedupe,x"); err == nil {
		t.Error("a misspelt defect was read")
	}
}
