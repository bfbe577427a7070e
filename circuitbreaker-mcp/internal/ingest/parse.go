package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

// Breaker is what the service says of one circuit breaker. Counts are calls in
// its sliding window.
type Breaker struct {
	Name  foreign.Text
	State string // one of States

	Buffered     int // calls that the window holds
	Successful   int
	Failed       int
	Slow         int // of the buffered calls
	NotPermitted int // calls turned away since the last change of state

	// Rates are percentages of the buffered calls; nil while there are too few
	// calls, which the service writes as -1.00%.
	FailureRate, SlowCallRate *float64
}

// States are the states there are, as the service spells them.
var States = []string{"CLOSED", "OPEN", "HALF_OPEN", "FORCED_OPEN", "DISABLED", "METRICS_ONLY"}

// onlyBreaker is whose fields stand at the top of an answer that names none.
const onlyBreaker = "kafka-publisher"

// parse reads a status: an object of breakers by name, or, from the monitoring
// service, the fields of the one breaker there is. An error is a *fault.Failure
// of class NotJSON or Schema.
func parse(body []byte) ([]Breaker, error) {
	var top map[string]json.RawMessage
	if err := json.Unmarshal(body, &top); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return nil, schema("a JSON %s, want an object of breakers", wrong.Value)
		}
		return nil, &fault.Failure{Class: fault.NotJSON, Err: err}
	}
	if len(top) == 0 { // {} and null
		return nil, schema("%s, want an object of breakers", bytes.TrimSpace(body))
	}
	if state, flat := top["state"]; flat && kindOf(state) == "string" {
		for _, name := range slices.Sorted(maps.Keys(top)) {
			var inner map[string]json.RawMessage
			if json.Unmarshal(top[name], &inner) == nil && inner["state"] != nil {
				return nil, schema("a state at the top and another in field %s, want one or the other", name)
			}
		}
		b, err := breaker(onlyBreaker, top)
		return []Breaker{b}, err
	}
	all := make([]Breaker, 0, len(top))
	for _, name := range slices.Sorted(maps.Keys(top)) {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(top[name], &fields); err != nil || len(fields) == 0 {
			return nil, schema("field %s is %s, want an object", name, shown(top[name]))
		}
		b, err := breaker(name, fields)
		if err != nil {
			return nil, err
		}
		all = append(all, b)
	}
	return all, nil
}

// breaker reads the fields of one breaker; each must be there and be what it
// should, for a missing one would read as zero.
func breaker(name string, fields map[string]json.RawMessage) (Breaker, error) {
	b := Breaker{Name: foreign.Text(name)}
	if err := json.Unmarshal(fields["state"], &b.State); err != nil || !slices.Contains(States, b.State) {
		return b, schema("field %s.state is %s, want one of %v", name, shown(fields["state"]), States)
	}
	for _, count := range []struct {
		field string
		into  *int
	}{
		{"numberOfBufferedCalls", &b.Buffered},
		{"numberOfSuccessfulCalls", &b.Successful},
		{"numberOfFailedCalls", &b.Failed},
		{"numberOfSlowCalls", &b.Slow},
		{"numberOfNotPermittedCalls", &b.NotPermitted},
	} {
		n, err := strconv.ParseUint(string(fields[count.field]), 10, 31)
		if err != nil {
			return b, schema("field %s.%s is %s, want a whole number", name, count.field, shown(fields[count.field]))
		}
		*count.into = int(n)
	}
	for _, rate := range []struct {
		field string
		into  **float64
	}{{"failureRate", &b.FailureRate}, {"slowCallRate", &b.SlowCallRate}} {
		// A bare number may mean a share or a percentage: only the text says which.
		var text string
		if err := json.Unmarshal(fields[rate.field], &text); err != nil {
			return b, schema("field %s.%s is %s, want text like 12.50%%", name, rate.field, shown(fields[rate.field]))
		}
		value, ok := percent(text)
		if !ok {
			return b, schema("field %s.%s is %s, want a percentage from 0 to 100, or -1.00%% for too few calls",
				name, rate.field, shown(fields[rate.field]))
		}
		*rate.into = value
	}
	return b, nil
}

func schema(format string, args ...any) *fault.Failure {
	return &fault.Failure{Class: fault.Schema, Said: foreign.Text(fmt.Sprintf(format, args...)),
		Next: "The ingest service is another build than this server knows: ask its owners what changed at /circuit-breaker/status"}
}

// shown is a JSON value as a message repeats it.
func shown(raw json.RawMessage) string {
	const limit = 60
	switch {
	case raw == nil:
		return "missing"
	case raw[0] == 'n':
		return "null"
	case len(raw) <= limit:
		return kindOf(raw) + " " + string(raw)
	}
	return kindOf(raw) + " " + string(raw[:limit]) + "…"
}

// kindOf names the JSON type of a value that is known to be JSON and not null.
func kindOf(raw json.RawMessage) string {
	switch raw[0] {
	case '"':
		return "string"
	case '{':
		return "object"
	case '[':
		return "array"
	case 't', 'f':
		return "boolean"
	}
	return "number"
}
