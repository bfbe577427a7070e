package protocol_test

import (
	"encoding/json"
	"testing"
)

// TestChecker runs checker/check.mjs: every ERROR fails, a WARN is shown by go test -v.
func TestChecker(t *testing.T) {
	each(t, func(t *testing.T, _ server, program string) {
		stdout, stderr, err := node(t).script(t, "checker/check.mjs", "--json", "--", program)
		var findings []struct {
			Level, Subject, Message string
		}
		if decoding := json.Unmarshal([]byte(stdout), &findings); decoding != nil {
			t.Fatalf("the checker gave no findings: %v; it ended with %v\n%s%s", decoding, err, stdout, stderr)
		}
		errors := 0
		for _, f := range findings {
			if f.Level == "ERROR" {
				errors++
				t.Errorf("%s: %s", f.Subject, f.Message)
			} else {
				t.Logf("%-5s %s: %s", f.Level, f.Subject, f.Message)
			}
		}
		if err != nil && errors == 0 {
			t.Errorf("the checker ended with %v\n%s", err, stderr)
		}
	})
}
