package result

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// Report is a results file: figures, with the command and the machine that made
// them.
type Report struct {
	Command string   `json:"command"`
	Commit  string   `json:"commit"`
	Began   string   `json:"began"`
	Seconds float64  `json:"seconds"`
	Machine Machine  `json:"machine"`
	Built   string   `json:"built"`    // how
	Linked  []string `json:"versions"` // with what, as "program: module version"
	Figures []Figure `json:"figures"`

	began time.Time
}

// Machine is what figures depend on.
type Machine struct {
	Go        string   `json:"go"`
	OS        string   `json:"os"`
	Processor string   `json:"processor,omitempty"`
	Cores     int      `json:"cores"`
	Load      []string `json:"load_average,omitempty"` // of the last minute, before and after
}

// Begin begins a report on what a command measures.
func Begin(command string) *Report {
	r := &Report{Command: command, Commit: commit(), began: time.Now(),
		Machine: Machine{Go: runtime.Version(), OS: runtime.GOOS + "/" + runtime.GOARCH, Processor: processor(), Cores: runtime.NumCPU()}}
	r.Began = r.began.UTC().Format(time.RFC3339)
	r.noteLoad()
	return r
}

// End adds the figures, and what they are of.
func (r *Report) End(figures []Figure, built string, versions []string) {
	r.Built, r.Linked = built, versions
	r.Figures, r.Seconds = figures, time.Since(r.began).Round(time.Second).Seconds()
	r.noteLoad()
}

func (r *Report) noteLoad() {
	if data, err := os.ReadFile("/proc/loadavg"); err == nil {
		minute, _, _ := strings.Cut(string(data), " ")
		r.Machine.Load = append(r.Machine.Load, minute)
	}
}

// Table writes the report for a person.
func (r *Report) Table(w io.Writer) error {
	fmt.Fprintf(w, "%s\nat %s on %s, %s, %d cores (%s), load average %s\nbuilt by %s\ncpu is processor time in the same unit\n\n", r.Command, r.Commit, r.Machine.Go, r.Machine.OS,
		r.Machine.Cores, r.Machine.Processor, strings.Join(r.Machine.Load, " to "), r.Built)
	return Table(w, r.Figures)
}

// Save writes the report to a file.
func (r *Report) Save(file string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(data, '\n'), 0o644) //nolint:gosec // a file of the repository
}

// commit is what is measured, as git names it.
func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty=+changes").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

// processor is the model's name, where the system tells.
func processor() string {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(data)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.Trim(name, " \t:\n")
		}
	}
	return ""
}
