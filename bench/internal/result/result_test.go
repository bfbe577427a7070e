package result_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"payops-mcp/bench/internal/result"
)

func judged(t *testing.T, add func(*result.Figures)) result.Figure {
	t.Helper()
	var f result.Figures
	add(&f)
	all := f.Judged()
	if len(all) != 1 {
		t.Fatalf("%d figures, want 1", len(all))
	}
	return all[0]
}

func TestTheMedianOfTheRunsDecides(t *testing.T) {
	for _, c := range []struct {
		name  string
		runs  []float64
		want  result.Verdict
		noisy string
	}{
		{"all below", []float64{1, 1.5, 2}, result.Pass, ""},
		{"all above", []float64{2.1, 3, 4}, result.Fail, ""},
		{"one above", []float64{1, 1, 9}, result.Pass, "noisy: kept in 2 of 3 runs"},
		{"one below", []float64{1, 9, 9}, result.Fail, "noisy: kept in 1 of 3 runs"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := judged(t, func(f *result.Figures) {
				for _, r := range c.runs {
					f.Add("start", "x", "times", r).AtMost(2)
				}
			})
			if got.Verdict != c.want || c.noisy == "" && got.Note != "" || !strings.Contains(got.Note, c.noisy) {
				t.Errorf("%s, %q; want %s, %q", got.Verdict, got.Note, c.want, c.noisy)
			}
			if got.Min != c.runs[0] || got.Median != c.runs[1] || got.Max != c.runs[2] {
				t.Errorf("%v, %v, %v of %v", got.Min, got.Median, got.Max, c.runs)
			}
		})
	}
}

func TestWithoutABoundThereIsNoVerdict(t *testing.T) {
	if got := judged(t, func(f *result.Figures) { f.Add("size", "x", "bytes", 7) }); got.Verdict != result.Info {
		t.Errorf("got %s", got.Verdict)
	}
}

func TestWhatIsSkippedIsNoPass(t *testing.T) {
	got := judged(t, func(f *result.Figures) { f.Skip("memory", "x", "MB", "known on Linux only") })
	if got.Verdict != result.Skip || got.Note != "known on Linux only" {
		t.Errorf("got %+v", got)
	}
}

func TestAReportIsATableAndAFile(t *testing.T) {
	var f result.Figures
	f.Add("start to initialize", "x-mcp", "ms", 12.34).Processor(9.87).AtMost(20)
	f.Skip("memory", "x-mcp", "MB", "known on Linux only")
	r := result.Begin("scripts/bench mcp")
	r.End(f.Judged(), "go build", []string{"x-mcp: example.org/m v1.2.3"})

	var table bytes.Buffer
	if err := r.Table(&table); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"scripts/bench mcp", "go build", "PASS  start to initialize  x-mcp   12.3", "9.870", "SKIP  memory"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, table.String())
		}
	}

	file := filepath.Join(t.TempDir(), "r.json")
	if err := r.Save(file); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var saved result.Report
	if err := json.Unmarshal(data, &saved); err != nil {
		t.Fatal(err)
	}
	if saved.Command != "scripts/bench mcp" || saved.Machine.Cores < 1 || len(saved.Linked) != 1 || len(saved.Figures) != 2 || saved.Figures[0].CPU[0] != 9.87 {
		t.Errorf("the file says %s", data)
	}
}
