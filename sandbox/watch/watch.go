// Package watch asks the three servers everything, again and again, while a
// payment system lives, and says what stands in their answers that should not
// stand there: on a healthy system, anything above info.
package watch

import (
	"context"
	"fmt"
	"time"

	"payops-mcp/sandbox/binaries"
	"payops-mcp/sandbox/host"
	"payops-mcp/sandbox/incident"
	"payops-mcp/shared/catalog"
)

// Servers are the three servers, running.
type Servers map[string]*host.Server

// Start starts the programs, by the names of the servers, with the settings.
func Start(ctx context.Context, programs, settings map[string]string) (Servers, error) {
	all := Servers{}
	for _, name := range binaries.Servers() {
		s, err := host.Start(ctx, name, programs[name], settings)
		if err != nil {
			all.Close()
			return nil, err
		}
		all[name] = s
	}
	return all, nil
}

// Close ends the servers.
func (all Servers) Close() {
	for _, s := range all {
		_ = s.Close() // their end changes nothing any more
	}
}

// Seen is one call and its answer.
type Seen struct {
	Began  time.Time
	Took   time.Duration
	Server string // the program
	Tool   string
	Of     int // how many tools are asked
	Args   map[string]any
	Answer host.Answer
	Said   incident.Said // the answer as far as it is judged
	Err    error         // there was no answer, or its two forms differ
}

// maxStructured is the most bytes that the structured form may have: the default
// of PAYOPS_MAX_RESULT_BYTES.
const maxStructured = 60_000

// Wrong is what is wrong with an answer whatever the system is like: there is
// none, it is an error, it is too long.
func (s Seen) Wrong() []string {
	switch {
	case s.Err != nil:
		return []string{s.Err.Error()}
	case s.Said.IsError:
		return []string{s.Tool + " failed"}
	}
	var wrong []string
	if len(s.Answer.Text) > incident.MaxText {
		wrong = append(wrong, fmt.Sprintf("%s answered with more than %d bytes of text", s.Tool, incident.MaxText))
	}
	if len(s.Answer.Structured) > maxStructured {
		wrong = append(wrong, fmt.Sprintf("%s answered with more than %d bytes of structure", s.Tool, maxStructured))
	}
	return wrong
}

// WrongWhenHealthy is what is wrong with an answer about a system that is well:
// besides what is always wrong, a finding above info and a verdict other than ok.
func (s Seen) WrongWhenHealthy() []string {
	wrong := s.Wrong()
	if s.Err != nil || s.Said.IsError {
		return wrong
	}
	if s.Said.Verdict != catalog.OK {
		wrong = append(wrong, fmt.Sprintf("%s concludes %s", s.Tool, s.Said.Verdict))
	}
	for _, f := range s.Said.Findings {
		if f.Severity != catalog.Info {
			wrong = append(wrong, fmt.Sprintf("%s reports %s (%s %s)", s.Tool, f.Code, f.Severity, f.Kind))
		}
	}
	return wrong
}
