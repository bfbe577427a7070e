// Command gen makes entries.go from catalog.json.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/format"
	"log"
	"os"
	"strings"
)

type entry struct {
	Code, Kind, Severity, Emitter, Verdict, Runbook, Rule string
	Explains                                              []string
	ConfirmedBy                                           string `json:"confirmed_by"`
}

func main() {
	data, err := os.ReadFile("catalog.json")
	if err != nil {
		log.Fatal(err)
	}
	var entries []entry
	if err := json.Unmarshal(data, &entries); err != nil {
		log.Fatal(err)
	}
	src, err := format.Source(generate(entries))
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile("entries.go", src, 0o644); err != nil {
		log.Fatal(err)
	}
}

func generate(entries []entry) []byte {
	var b bytes.Buffer
	p := func(f string, a ...any) { fmt.Fprintf(&b, f, a...) }
	p("// Code generated from catalog.json by go generate; DO NOT EDIT.\n\npackage catalog\n\n// The codes of the catalog.\nconst (\n")
	for _, e := range entries {
		p("\t%s Code = %q // %s\n", name(e.Code), e.Code, e.Rule)
	}
	p(")\n\nvar entries = [...]Entry{\n")
	for _, e := range entries {
		p("\t{Code: %q, Kind: %q, Severity: %q, Verdict: %q, Emitter: %q, Runbook: %q, ConfirmedBy: %q,\n\t\tRule: %q,\n",
			e.Code, e.Kind, e.Severity, e.Verdict, e.Emitter, e.Runbook, e.ConfirmedBy, e.Rule)
		if len(e.Explains) > 0 {
			var names []string
			for _, c := range e.Explains {
				names = append(names, name(c))
			}
			p("\t\tExplains: []Code{%s},\n", strings.Join(names, ", "))
		}
		p("\t},\n")
	}
	p("}\n")
	return b.Bytes()
}

// name turns RATE_KEY_NO_TTL_BLOCKING into RateKeyNoTTLBlocking.
func name(code string) string {
	initialisms := map[string]bool{"TTL": true, "API": true, "DB": true, "PG": true, "ISR": true, "DLQ": true, "CB": true, "JSON": true, "OOM": true}
	var b strings.Builder
	for w := range strings.SplitSeq(code, "_") {
		if initialisms[w] {
			b.WriteString(w)
			continue
		}
		b.WriteString(w[:1] + strings.ToLower(w[1:]))
	}
	return b.String()
}
