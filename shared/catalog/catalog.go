// Package catalog is the vocabulary of findings: every code that a tool may
// report, how bad it is, which server reports it, and what follows from it. The
// servers, the sandbox and the benchmark all take codes from here.
//
// The data is catalog.json; entries.go is made from it.
package catalog

import "strings"

//go:generate go run ./gen

// Code names a finding, for example CB_OPEN.
type Code string

// Kind says what a finding is in the chain of events.
type Kind string

// The kinds of a finding.
const (
	Cause   Kind = "cause"   // what to repair
	Symptom Kind = "symptom" // what follows from a cause
	Source  Kind = "source"  // one of our own sources failed: facts are missing
)

// Severity is how bad a finding is.
type Severity string

// The severities, worst first.
const (
	Critical Severity = "critical"
	High     Severity = "high"
	Medium   Severity = "medium"
	Low      Severity = "low"
	Info     Severity = "info"
)

// Rank orders severities: 0 is the worst, 4 the mildest.
func (s Severity) Rank() int {
	switch s {
	case Critical:
		return 0
	case High:
		return 1
	case Medium:
		return 2
	case Low:
		return 3
	}
	return 4
}

// Verdict is the state of what was asked about.
type Verdict string

// The verdicts.
const (
	OK              Verdict = "ok"
	Attention       Verdict = "attention"
	CriticalVerdict Verdict = "critical"
	Unknown         Verdict = "unknown" // a source that the question needs did not answer
)

// Entry is what the catalog says of a code.
type Entry struct {
	Code        Code
	Kind        Kind
	Severity    Severity
	Verdict     Verdict // what it leads to
	Emitter     string  // the server that reports it: circuitbreaker, dbquery, rediscache or each
	Runbook     string  // the page of the runbooks that tells of it
	ConfirmedBy string  // the server whose answer separates it from its rivals; may be empty
	Rule        string  // when it holds, in words
	Explains    []Code  // what follows from it
}

// Find returns the entry of a code.
func Find(c Code) (Entry, bool) {
	for i := range entries { // an entry is too large to be copied for each look
		if entries[i].Code == c {
			return entries[i], true
		}
	}
	return Entry{}, false
}

// Section is where the runbooks tell of a code: page#anchor, for example
// kafka#kafka_broker_lost. It is empty for a code that the catalog does not have.
func Section(c Code) string {
	e, ok := Find(c)
	if !ok {
		return ""
	}
	return e.Runbook + "#" + strings.ToLower(string(c))
}

// All returns every entry, in the catalog's order.
func All() []Entry { return entries[:] }
