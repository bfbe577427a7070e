package incidents

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"payops-mcp/bench/internal/tokens"
	"payops-mcp/sandbox/drill"
	"payops-mcp/sandbox/incident"
	"payops-mcp/shared/catalog"
)

// Record is what became of a scenario: one line of the file that --resume names.
type Record struct {
	Name    string         `json:"name"`
	Family  string         `json:"family"`
	Mode    drill.Mode     `json:"mode"`
	Seed    uint64         `json:"seed"`
	Healthy bool           `json:"healthy,omitempty"` // nothing is wrong, it only looks so
	Roots   []catalog.Code `json:"roots,omitempty"`   // what had to be named
	Wrong   []drill.Wrong  `json:"wrong,omitempty"`   // empty: it is fully right
	Calls   []Call         `json:"calls,omitempty"`
	Seconds float64        `json:"seconds"` // with what had to be waited for
	// Error is why it could not be had. It counts as not right, and is tried again
	// when the file is resumed.
	Error string `json:"error,omitempty"`
}

// Call is a question and what its answer cost.
type Call struct {
	Phase   drill.Phase     `json:"phase"`
	Tool    string          `json:"tool"`
	Args    map[string]any  `json:"args,omitempty"`
	Verdict catalog.Verdict `json:"verdict"`
	Tokens  int             `json:"tokens"` // of the text form
	Millis  float64         `json:"ms"`
	Text    string          `json:"text,omitempty"` // of a phase in which something is wrong
}

func record(s drill.Scenario, out drill.Outcome, failed error) (Record, error) {
	r := Record{Name: s.Name(), Family: s.Family(), Mode: s.Mode(), Seed: s.Seed, Healthy: s.Healthy(), Roots: out.Roots, Wrong: out.Wrong,
		Seconds: out.Took.Round(time.Millisecond).Seconds()}
	switch {
	case errors.Is(failed, drill.ErrNoAnswer):
		r.Wrong = append(r.Wrong, drill.Wrong{Phase: drill.During, Mistake: incident.Mistake{Fault: incident.Failed, Text: failed.Error()}})
	case failed != nil && len(out.Wrong) == 0:
		r.Error = failed.Error()
	}
	for _, c := range out.Calls {
		n, err := tokens.Count(c.Text)
		if err != nil {
			return r, err
		}
		call := Call{Phase: c.Phase, Tool: c.Tool, Args: c.Args, Verdict: c.Says, Tokens: n, Millis: float64(c.Took.Microseconds()) / 1000}
		if slices.ContainsFunc(out.Wrong, func(w drill.Wrong) bool { return w.Phase == c.Phase }) {
			call.Text = c.Text
		}
		r.Calls = append(r.Calls, call)
	}
	return r, nil
}

// Right says that the scenario is fully right.
func (r Record) Right() bool { return r.Error == "" && len(r.Wrong) == 0 }

// tokens are those of the whole investigation, while the incident lasts.
func (r Record) tokens() (n int) {
	for _, c := range r.Calls {
		if c.Phase == drill.During {
			n += c.Tokens
		}
	}
	return n
}

// key is what a scenario is known by when a file is resumed.
func (r Record) key() string { return fmt.Sprintf("%s #%d", r.Name, r.Seed) }

// read reads the records of a file; one that is not there has none. The last of a
// scenario counts, and one that could not be had does not.
func read(file string) ([]Record, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []Record
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 64<<20)
	for n := 1; lines.Scan(); n++ {
		var r Record
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", file, n, err)
		}
		all = slices.DeleteFunc(all, func(o Record) bool { return o.key() == r.key() })
		if r.Error == "" {
			all = append(all, r)
		}
	}
	return all, lines.Err()
}

// add appends a record to a file.
func add(file string, r Record) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644) //nolint:gosec // results are for everybody
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Close())
}
