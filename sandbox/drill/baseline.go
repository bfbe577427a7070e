package drill

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"
)

// Baseline is which scenarios are fully right. It is kept in the repository, so that
// a change that loses one is seen.
type Baseline struct {
	Right []string          `json:"right"` // by name, sorted
	Open  map[string]string `json:"open"`  // by name: what is known to be wrong
}

// ReadBaseline reads a baseline; a file that is not there is an empty one.
func ReadBaseline(file string) (b Baseline, err error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return b, nil
	}
	if err != nil {
		return b, err
	}
	return b, json.Unmarshal(data, &b)
}

// Has reports whether the scenario was ever tried.
func (b Baseline) Has(name string) bool {
	_, open := b.Open[name]
	return open || slices.Contains(b.Right, name)
}

// Note notes what became of a scenario; wrong is empty when it is fully right.
func (b *Baseline) Note(name, wrong string) {
	b.Right = slices.DeleteFunc(b.Right, func(n string) bool { return n == name })
	delete(b.Open, name)
	if wrong == "" {
		b.Right = append(b.Right, name)
		slices.Sort(b.Right)
		return
	}
	if b.Open == nil {
		b.Open = map[string]string{}
	}
	b.Open[name] = wrong
}

// Write writes the baseline to a file.
func (b Baseline) Write(file string) error {
	data, err := json.MarshalIndent(b, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(data, '\n'), 0o644) //nolint:gosec // a file of the repository
}
