package ingest

import (
	"errors"
	"strings"
	"testing"

	"payops-mcp/shared/fault"
)

// fields is what the service says of a breaker, as recorded from it.
const fields = `"failureRate":"-1.00%","numberOfSlowFailedCalls":0,"numberOfBufferedCalls":4,"numberOfSlowSuccessfulCalls":0,"slowCallRate":"-1.00%","numberOfSlowCalls":0,"numberOfSuccessfulCalls":1,"numberOfFailedCalls":3,"state":"CLOSED","numberOfNotPermittedCalls":7`

func TestParse(t *testing.T) {
	open := strings.NewReplacer("CLOSED", "OPEN", `"failureRate":"-1.00%"`, `"failureRate":"75,00%"`, `"slowCallRate":"-1.00%"`, `"slowCallRate":"0,00%"`).Replace(fields)
	for name, body := range map[string]string{
		"the service's":            `{"kafka-publisher":{` + open + `}}`,
		"of one breaker alone":     `{` + open + `}`,
		"the monitoring service's": `{` + open + `,"analysis":{"status":"Critical"},"healthStatus":"UNHEALTHY"}`,
	} {
		all, err := parse([]byte(body))
		if err != nil || len(all) != 1 {
			t.Errorf("%s: %+v, %v", name, all, err)
			continue
		}
		b := all[0]
		if b.Name != "kafka-publisher" || b.State != "OPEN" || b.Buffered != 4 || b.Successful != 1 || b.Failed != 3 || b.NotPermitted != 7 || *b.FailureRate != 75 || *b.SlowCallRate != 0 {
			t.Errorf("%s: %+v", name, b)
		}
	}
	all, err := parse([]byte(`{"z":{` + fields + `},"a":{` + fields + `}}`))
	if err != nil || len(all) != 2 || all[0].Name != "a" || all[0].FailureRate != nil || all[0].SlowCallRate != nil {
		t.Errorf("two breakers: %+v, %v", all, err)
	}
}

func TestParseRefuses(t *testing.T) {
	for name, x := range map[string]struct {
		body  string
		class fault.Class
		said  string
	}{
		"words for an object":    {`{"kafka-publisher":"Not Found"}`, fault.Schema, `field kafka-publisher is string "Not Found", want an object`},
		"an empty object":        {`{}`, fault.Schema, `{}, want an object of breakers`},
		"an empty breaker":       {`{"kafka-publisher":{}}`, fault.Schema, `field kafka-publisher is object {}`},
		"null":                   {`null`, fault.Schema, `null, want an object`},
		"null for a breaker":     {`{"kafka-publisher":null}`, fault.Schema, `field kafka-publisher is null`},
		"a list":                 {`[1]`, fault.Schema, `a JSON array, want an object`},
		"an error of the system": {`{"error":true,"message":"no"}`, fault.Schema, `field error is boolean true, want an object`},
		"no such state":          {`{"k":{` + strings.Replace(fields, "CLOSED", "HALF_CLOSED", 1) + `}}`, fault.Schema, `field k.state is string "HALF_CLOSED", want one of [CLOSED OPEN`},
		"no state":               {`{"k":{` + strings.Replace(fields, "state", "status", 1) + `}}`, fault.Schema, `field k.state is missing`},
		"no count":               {`{"k":{` + strings.Replace(fields, "numberOfFailedCalls", "failed", 1) + `}}`, fault.Schema, `field k.numberOfFailedCalls is missing, want a whole number`},
		"words for a count":      {`{"k":{` + strings.Replace(fields, `"numberOfFailedCalls":3`, `"numberOfFailedCalls":"3"`, 1) + `}}`, fault.Schema, `field k.numberOfFailedCalls is string "3"`},
		"a negative count":       {`{"k":{` + strings.Replace(fields, `"numberOfFailedCalls":3`, `"numberOfFailedCalls":-3`, 1) + `}}`, fault.Schema, `is number -3, want a whole number`},
		"a broken count":         {`{"k":{` + strings.Replace(fields, `"numberOfFailedCalls":3`, `"numberOfFailedCalls":3.5`, 1) + `}}`, fault.Schema, `is number 3.5, want a whole number`},
		"garbage for a rate":     {`{"k":{` + strings.Replace(fields, `"failureRate":"-1.00%"`, `"failureRate":"n/a"`, 1) + `}}`, fault.Schema, `field k.failureRate is string "n/a", want a percentage`},
		"a number for a rate":    {`{"k":{` + strings.Replace(fields, `"failureRate":"-1.00%"`, `"failureRate":0.5`, 1) + `}}`, fault.Schema, `field k.failureRate is number 0.5, want text`},
		"no rate":                {`{"k":{` + strings.Replace(fields, `"slowCallRate":"-1.00%",`, ``, 1) + `}}`, fault.Schema, `field k.slowCallRate is missing`},
		"two shapes in one":      {`{` + fields + `,"kafka-publisher":{` + strings.Replace(fields, "CLOSED", "OPEN", 1) + `}}`, fault.Schema, `a state at the top and another in field kafka-publisher`},
		"half of it":             {`{"k":{` + fields, fault.NotJSON, ""},
		"a page":                 {`<html>`, fault.NotJSON, ""},
		"nothing":                {``, fault.NotJSON, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse([]byte(x.body))
			f, ok := errors.AsType[*fault.Failure](err)
			if !ok || f.Class != x.class || !strings.Contains(string(f.Said), x.said) {
				t.Errorf("got %v, want %s: %s", err, x.class, x.said)
			}
		})
	}
}
