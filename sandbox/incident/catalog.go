package incident

import (
	_ "embed"
	"encoding/json"
	"sync"

	"payops-mcp/shared/catalog"
)

//go:embed incidents.json
var rowsJSON []byte

// Row is what the incident catalog says of an incident: what happens, what must
// be named, what may be, and what would be a false alarm.
type Row struct {
	ID       string         `json:"id"`
	Group    string         `json:"group"`
	Name     string         `json:"name"`
	What     string         `json:"inject"`
	Symptoms string         `json:"symptoms"`
	Root     []catalog.Code `json:"root"`
	// Shows are codes that are no root and must be reported all the same: what the
	// incident looks like to whoever does not see its cause.
	Shows    []catalog.Code `json:"shows,omitempty"`
	Allow    []catalog.Code `json:"allow"`
	Forbid   []catalog.Code `json:"forbid"`
	Severity string         `json:"severity"` // none: a healthy system that looks bad
	// Tools must be asked: who leaves out one never hears what it wrongly says. Where
	// one of several will do, they are separated by "|".
	Tools []string `json:"tools"`
	Next  string   `json:"next"`
}

var rows = sync.OnceValue(func() []Row {
	var all []Row
	if err := json.Unmarshal(rowsJSON, &all); err != nil {
		panic("incident: incidents.json: " + err.Error())
	}
	return all
})

// Find returns the row of an incident.
func Find(id string) (Row, bool) {
	for _, r := range rows() {
		if r.ID == id {
			return r, true
		}
	}
	return Row{}, false
}

// Healthy reports whether the row is a near miss.
func (r Row) Healthy() bool { return r.Severity == "none" }

// Verdict is what an answer that sees the roots must conclude.
func (r Row) Verdict() catalog.Verdict { return verdict(r.Root) }

// verdict is what codes come to: the worst of them.
func verdict(codes []catalog.Code) catalog.Verdict {
	worst := catalog.OK
	for _, c := range codes {
		e, _ := catalog.Find(c) // every code of the file is known, a test says so
		switch {
		case e.Verdict == catalog.CriticalVerdict:
			return catalog.CriticalVerdict
		case e.Verdict == catalog.Attention, e.Verdict == catalog.Unknown && worst == catalog.OK:
			worst = e.Verdict
		}
	}
	return worst
}
