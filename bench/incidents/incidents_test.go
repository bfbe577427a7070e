package incidents

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"payops-mcp/sandbox/drill"
	"payops-mcp/sandbox/incident"
	"payops-mcp/shared/catalog"
)

var everyMode = []drill.Mode{drill.Alone, drill.Over, drill.Pair, drill.Noise}

func keys(plan []drill.Scenario) (all []string) {
	for _, s := range plan {
		all = append(all, key(s))
	}
	return all
}

func TestPlanHasEverythingAndIsTheSameForASeed(t *testing.T) {
	plan := keys(Plan([]uint64{1, 2}, everyMode, nil, 0))
	if !slices.Equal(plan, keys(Plan([]uint64{1, 2}, everyMode, nil, 0))) {
		t.Error("two plans of the same seeds differ")
	}
	if len(slices.Compact(slices.Sorted(slices.Values(plan)))) != len(plan) {
		t.Error("a scenario stands twice in the plan")
	}
	for _, i := range incident.All() {
		if !slices.Contains(plan, i.ID+" #2") {
			t.Errorf("%s is not in the plan by itself", i.ID)
		}
	}
	if slices.Equal(names(Plan([]uint64{1}, []drill.Mode{drill.Pair}, nil, 0)), names(Plan([]uint64{2}, []drill.Mode{drill.Pair}, nil, 0))) {
		t.Error("two seeds draw the same pairs")
	}
	paired := strings.Join(names(Plan([]uint64{3}, []drill.Mode{drill.Pair}, nil, 0)), " ")
	for _, p := range incident.Pairs() {
		for _, i := range p {
			if !strings.Contains(paired, i.ID) {
				t.Errorf("%s can be in a pair and is in none", i.ID)
			}
		}
	}
	for _, n := range []int{3, 200} {
		if got := len(Plan([]uint64{1}, []drill.Mode{drill.Pair}, nil, n)); got != n {
			t.Errorf("%d pairs, want %d", got, n)
		}
	}
}

func names(plan []drill.Scenario) (all []string) {
	for _, s := range plan {
		all = append(all, s.Name())
	}
	return all
}

func TestPlanOfSome(t *testing.T) {
	for only, want := range map[string]string{
		"OB-04":                  "OB-04",
		"OB-04 over near misses": "OB-04 over near misses",
		"near misses (living)":   "near misses (living)",
	} {
		if got := names(Plan([]uint64{1}, everyMode, []string{only}, 0)); !slices.Contains(got, want) {
			t.Errorf("--only %s means %v", only, got)
		}
	}
	for _, name := range names(Plan([]uint64{1}, []drill.Mode{drill.Alone}, []string{"LG"}, 0)) {
		if !strings.HasPrefix(name, "LG-") {
			t.Errorf("--only LG means %s", name)
		}
	}
}

func TestShardsAreThePlan(t *testing.T) {
	plan := Plan([]uint64{1}, everyMode, nil, 0)
	var all []string
	for n := 1; n <= 4; n++ {
		all = append(all, keys(Shard(plan, n, 4))...)
	}
	slices.Sort(all)
	if want := slices.Sorted(slices.Values(keys(plan))); !slices.Equal(all, want) {
		t.Errorf("four shards have %d scenarios, the plan %d", len(all), len(want))
	}
}

// outcomes are of an incident that is right, one that is not, and a near miss.
func outcomes(t *testing.T) []Record {
	t.Helper()
	call := drill.Call{Phase: drill.During, Tool: "check_rate_limit", Took: 20 * time.Millisecond, Text: "hello world, what is this"}
	wrong := drill.Wrong{Phase: drill.During, Mistake: incident.Mistake{Fault: incident.Missed, Code: catalog.OutboxDeadLetters, Text: "dbquery does not report OUTBOX_DEAD_LETTERS"}}
	var all []Record
	for id, out := range map[string]drill.Outcome{
		"NM-09": {Calls: []drill.Call{call}},
		"OB-04": {Roots: []catalog.Code{catalog.OutboxDeadLetters}, Calls: []drill.Call{call}, Wrong: []drill.Wrong{wrong}},
		"RD-01": {Roots: []catalog.Code{catalog.RateKeyNoTTLBlocking}, Calls: []drill.Call{call, call}},
	} {
		i, err := incident.Get(id)
		if err != nil {
			t.Fatal(err)
		}
		r, err := record(drill.Scenario{Incidents: []incident.Incident{i}, Seed: 1}, out, nil)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b Record) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func TestSum(t *testing.T) {
	s := Sum(outcomes(t))
	if s.Score != 0.5 || s.All.Scenarios != 3 || s.All.Right != 2 || s.All.Roots != 2 || s.All.Named != 1 || s.All.Recall != 0.5 || s.All.Quiet != 1 {
		t.Errorf("summed up as %+v", s)
	}
	if s.All.Tokens != 9 { // 6 of the one, 12 of the other
		t.Errorf("median of tokens %v, want 9", s.All.Tokens)
	}
	if len(s.Families) != 3 || len(s.Modes) != 1 || len(s.Tools) != 1 || s.Tools[0].Calls != 4 || s.Tools[0].P50 != 20 {
		t.Errorf("families %v, modes %v, tools %v", s.Families, s.Modes, s.Tools)
	}
	for _, f := range s.Figures() {
		if want := map[string]bool{"root causes not named": true}[f.Name]; (f.Verdict == "FAIL") != want {
			t.Errorf("%s: %s", f.Name, f.Verdict)
		}
	}
}

func TestRecordsAreResumed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "done.jsonl")
	if none, err := read(file); err != nil || none != nil {
		t.Errorf("a file that is not there has %v, %v", none, err)
	}
	all := outcomes(t)
	for _, r := range all {
		if err := add(file, r); err != nil {
			t.Fatal(err)
		}
	}
	i, err := incident.Get("RD-04")
	if err != nil {
		t.Fatal(err)
	}
	failed, err := record(drill.Scenario{Incidents: []incident.Incident{i}, Seed: 1}, drill.Outcome{}, errors.New("no redis"))
	if err != nil {
		t.Fatal(err)
	}
	if err := add(file, failed); err != nil {
		t.Fatal(err)
	}
	back, err := read(file)
	if err != nil {
		t.Fatal(err)
	}
	// What could not be had is tried again.
	if len(back) != len(all) || back[1].Wrong[0].Text != all[1].Wrong[0].Text || back[1].Calls[0].Text == "" || back[0].Calls[0].Text != "" {
		t.Errorf("read back %+v", back)
	}
	if err := os.WriteFile(file, []byte("{\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := read(file); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("a broken file: %v", err)
	}
}

// A scenario that ends badly after a wrong answer, or with none at all, was tried.
func TestWrongIsNotTriedAgain(t *testing.T) {
	missed := drill.Wrong{Phase: drill.During, Mistake: incident.Mistake{Fault: incident.Missed, Text: "not named"}}
	for name, x := range map[string]struct {
		out   drill.Outcome
		ended error
		want  incident.Fault
	}{
		"wrong, then no repair": {drill.Outcome{Wrong: []drill.Wrong{missed}}, errors.New("no redis"), incident.Missed},
		"no answer":             {drill.Outcome{}, fmt.Errorf("%w of cache_stats: it ended", drill.ErrNoAnswer), incident.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := record(drill.Scenario{Seed: 1}, x.out, x.ended)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "done.jsonl")
			if err := add(file, r); err != nil {
				t.Fatal(err)
			}
			back, err := read(file)
			if err != nil || len(back) != 1 || len(back[0].Wrong) != 1 || back[0].Wrong[0].Fault != x.want || back[0].Right() {
				t.Errorf("read back %+v, %v", back, err)
			}
		})
	}
}

func TestBaselineIsKeptAndCompared(t *testing.T) {
	all := outcomes(t)
	var b drill.Baseline
	Update(&b, all)
	if !slices.Equal(b.Right, []string{"NM-09", "RD-01"}) || b.Open["OB-04"] == "" {
		t.Errorf("the baseline is %+v", b)
	}
	if lost := Lost(b, all); len(lost) > 0 {
		t.Errorf("lost %v", lost)
	}
	// Wrong in one seed is not right.
	other := all[2]
	other.Seed, other.Error = 2, "no system"
	if lost := Lost(b, append(all, other)); !slices.Equal(lost, []string{"RD-01"}) {
		t.Errorf("lost %v, want RD-01", lost)
	}
	Update(&b, append(all, other))
	if slices.Contains(b.Right, "RD-01") {
		t.Error("RD-01 is right in one of two seeds and stands in the baseline")
	}
}

func TestPlotIsAPicture(t *testing.T) {
	file := filepath.Join(t.TempDir(), "plot.svg")
	if err := Plot(file, outcomes(t)); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	elements := 0
	for d := xml.NewDecoder(f); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := token.(xml.StartElement); ok {
			elements++
		}
	}
	if elements < 10 {
		t.Errorf("the picture has %d elements", elements)
	}
}
