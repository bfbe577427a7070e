package paysim_test

import (
	"fmt"
	"strings"
	"testing"

	"payops-mcp/sandbox/paysim"
)

func TestLoadSettings(t *testing.T) {
	s, err := paysim.LoadSettings([]string{"PAYSIM_DB_DSN=app:secret@tcp(127.0.0.1:3306)/paydb", "PAYSIM_ROLES=ingest", "PAYSIM_DEFECTS=no-dedupe,parity-filter"})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Roles) != 1 || len(s.Defects) != 2 || s.AuthorizeCapacity != 30_000 || s.IdemSeconds != 600 {
		t.Errorf("read %+v", s)
	}
	if text := fmt.Sprintf("%+v", s); strings.Contains(text, "secret") {
		t.Error("the settings show the password")
	}
	if _, err := paysim.LoadSettings([]string{"PAYSIM_ROLES=gateway"}); err != nil {
		t.Errorf("a gateway needs no database: %v", err)
	}
}

// All mistakes are told at once.
func TestMistakes(t *testing.T) {
	_, err := paysim.LoadSettings([]string{"PAYSIM_ROLES=ingest,worker", "PAYSIM_DEFECTS=no-dedup"})
	for _, part := range []string{`unknown role "worker"`, "PAYSIM_DB_DSN", `unknown defect "no-dedup"`} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v: want %s in it", err, part)
		}
	}
	if _, err := paysim.LoadSettings([]string{"PAYSIM_DB_DSN=x", "PAYSIM_DB_MAX_CONNS=many"}); err == nil {
		t.Error("a number of connections that is none was taken")
	}
}
