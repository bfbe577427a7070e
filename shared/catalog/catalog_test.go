package catalog

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"testing"
)

func TestEntriesAreTheDataFile(t *testing.T) {
	data, err := os.ReadFile("catalog.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct {
		Code        Code
		Kind        Kind
		Severity    Severity
		Verdict     Verdict
		Emitter     string
		Runbook     string
		Rule        string
		Explains    []Code
		ConfirmedBy string `json:"confirmed_by"`
	}
	if err := json.Unmarshal(data, &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(All()) {
		t.Fatalf("entries.go has %d codes, catalog.json %d: run go generate ./catalog", len(All()), len(rows))
	}
	for _, r := range rows {
		e, ok := Find(r.Code)
		same := ok && e.Kind == r.Kind && e.Severity == r.Severity && e.Verdict == r.Verdict && e.Emitter == r.Emitter &&
			e.Rule == r.Rule && e.Runbook == r.Runbook && e.ConfirmedBy == r.ConfirmedBy && slices.Equal(e.Explains, r.Explains)
		if !same {
			t.Errorf("%s differs from catalog.json: run go generate ./catalog", r.Code)
		}
	}
}

func TestCatalogIsClosedAndInRange(t *testing.T) {
	seen := map[Code]bool{}
	for _, e := range All() {
		if seen[e.Code] {
			t.Errorf("%s stands twice", e.Code)
		}
		seen[e.Code] = true
		if !slices.Contains([]Kind{Cause, Symptom, Source}, e.Kind) {
			t.Errorf("%s: kind %q", e.Code, e.Kind)
		}
		if e.Severity.Rank() == 4 && e.Severity != Info {
			t.Errorf("%s: severity %q", e.Code, e.Severity)
		}
		if !slices.Contains([]Verdict{OK, Attention, CriticalVerdict, Unknown}, e.Verdict) {
			t.Errorf("%s: verdict %q", e.Code, e.Verdict)
		}
		if !slices.Contains([]string{"circuitbreaker", "dbquery", "rediscache", "each"}, e.Emitter) {
			t.Errorf("%s: emitter %q", e.Code, e.Emitter)
		}
		for _, c := range e.Explains {
			if _, ok := Find(c); !ok {
				t.Errorf("%s explains %s, which is no code", e.Code, c)
			}
		}
	}
}

func TestSectionNamesPageAndAnchor(t *testing.T) {
	for code, want := range map[Code]string{KafkaBrokerLost: "kafka#kafka_broker_lost", SrcDBAuth: "sources#src_db_auth", "NO_SUCH_CODE": ""} {
		if got := Section(code); got != want {
			t.Errorf("%s is at %q, want %q", code, got, want)
		}
	}
	for _, e := range All() {
		if e.Runbook == "" {
			t.Errorf("%s names no page of the runbooks", e.Code)
		}
	}
}

func TestGeneratorLeavesNoDifference(t *testing.T) {
	dir := t.TempDir()
	data, err := os.ReadFile("catalog.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/catalog.json", data, 0o600); err != nil {
		t.Fatal(err)
	}
	gen := dir + "/gen"
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", gen, "./gen").CombinedOutput(); err != nil {
		t.Fatalf("build gen: %v\n%s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), gen)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("run gen: %v\n%s", err, out)
	}
	made, err := os.ReadFile(dir + "/entries.go")
	if err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile("entries.go")
	if err != nil {
		t.Fatal(err)
	}
	if string(made) != string(kept) {
		t.Error("entries.go is not what gen makes: run go generate ./catalog")
	}
}
