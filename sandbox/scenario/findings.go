package scenario

import (
	"encoding/json"
	"fmt"
	"slices"

	"payops-mcp/sandbox/incident"
	"payops-mcp/shared/catalog"
)

// Finding is a finding as the structured form of an answer has it.
type Finding struct {
	Code     catalog.Code     `json:"code"`
	Kind     catalog.Kind     `json:"kind"`
	Severity catalog.Severity `json:"severity"`
	Claim    string           `json:"claim"`
	Next     []string         `json:"next_steps"`
	Confirm  string           `json:"confirm_with"`
}

// serious says that a finding is more than a remark.
func (f Finding) serious() bool { return f.Severity.Rank() <= catalog.Medium.Rank() }

// structured is what the investigation reads of an answer.
type structured struct {
	Findings []Finding `json:"findings"`
	Data     any       `json:"data"`
}

func (c Call) structured() (s structured, err error) {
	if c.Answer.IsError {
		return s, fmt.Errorf("%s was refused: %s", c.line(), c.Answer.Text)
	}
	if err := json.Unmarshal(c.Answer.Structured, &s); err != nil {
		return s, fmt.Errorf("%s: structured answer: %w", c.Tool, err)
	}
	return s, nil
}

// follows says whether a code follows from one of the causes.
func follows(c catalog.Code, causes []Finding) bool {
	return slices.ContainsFunc(causes, func(f Finding) bool { return incident.Follows(f.Code)[c] })
}

// causes are the serious causes among findings, each code once.
func causes(found []Finding) (some []Finding) {
	for _, f := range found {
		again := slices.ContainsFunc(some, func(x Finding) bool { return x.Code == f.Code })
		if f.Kind == catalog.Cause && f.serious() && !again {
			some = append(some, f)
		}
	}
	return some
}

// roots are the causes that no other cause explains.
func roots(found []Finding) []Finding {
	all := causes(found)
	return slices.DeleteFunc(slices.Clone(all), func(f Finding) bool {
		others := slices.DeleteFunc(slices.Clone(all), func(x Finding) bool { return x.Code == f.Code })
		return follows(f.Code, others)
	})
}

// settled says that there is a cause, and that it explains every serious symptom.
func settled(found []Finding) bool {
	some := causes(found)
	return len(some) > 0 && !slices.ContainsFunc(found, func(f Finding) bool {
		return f.Kind == catalog.Symptom && f.serious() && !follows(f.Code, some)
	})
}
