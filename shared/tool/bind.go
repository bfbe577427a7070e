package tool

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/google/jsonschema-go/jsonschema"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

// bind checks arguments against the schema, applies the defaults and fills in.
// Every mistake is named at once, each with what would be right; null is the
// same as an argument left out.
func (s schema) bind(args []byte, in any) error {
	given, err := s.judge(args)
	if err != nil {
		return err
	}
	if err := s.root.ApplyDefaults(&given); err != nil {
		return fmt.Errorf("apply defaults: %w", err)
	}
	whole, err := json.Marshal(given)
	if err != nil {
		return fmt.Errorf("encode arguments: %w", err)
	}
	if err := json.Unmarshal(whole, in); err != nil {
		// The schema takes 1e30 for an integer, Go does not.
		return fault.Invalidf("the arguments do not fit: a number is too large; %s", s.choices())
	}
	return nil
}

// judge reads the arguments and checks each against its schema.
func (s schema) judge(args []byte) (map[string]any, error) {
	given := map[string]any{}
	if len(bytes.TrimSpace(args)) > 0 {
		d := json.NewDecoder(bytes.NewReader(args))
		d.UseNumber()
		if err := d.Decode(&given); err != nil {
			return nil, fault.Invalidf("the arguments are no JSON object; %s", s.choices())
		}
	}
	if given == nil { // null
		given = map[string]any{}
	}
	for name, v := range given {
		given[name] = exact(v)
	}
	maps.DeleteFunc(given, func(_ string, v any) bool { return v == nil })

	var wrong []string
	for _, name := range slices.Sorted(maps.Keys(given)) {
		p, known := s.props[name]
		switch {
		case !known:
			wrong = append(wrong, s.unknown(name))
		case p.resolved.Validate(given[name]) != nil:
			wrong = append(wrong, fmt.Sprintf("%s: got %s, want %s", name, shown(given[name]), p.want()))
		}
	}
	for _, name := range s.names {
		if _, ok := given[name]; !ok && s.props[name].required {
			wrong = append(wrong, fmt.Sprintf("%s is missing: want %s", name, s.props[name].want()))
		}
	}
	if len(wrong) > 0 {
		return nil, fault.Invalidf("%s; %s", strings.Join(wrong, "; "), s.choices())
	}
	return given, nil
}

// exact turns the numbers in v into int64 where they are whole as written, so
// that large ids keep their digits, else into float64.
func exact(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64() // ±Inf when out of range, which every schema refuses
		return f
	case []any:
		for i := range v {
			v[i] = exact(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = exact(v[k])
		}
	}
	return v
}

// unknown names an argument that does not exist, and the one that was likely meant.
func (s schema) unknown(name string) string {
	text := "unknown argument " + foreign.Text(name).Quoted()
	best, at := 3, ""
	for _, n := range s.names {
		if d := levenshtein.Distance(strings.ToLower(name), n, nil); d < best {
			best, at = d, n
		}
	}
	if at != "" {
		text += fmt.Sprintf(" (did you mean %s?)", at)
	}
	return text
}

// choices lists the arguments there are.
func (s schema) choices() string {
	if len(s.names) == 0 {
		return "this tool takes no arguments"
	}
	return "arguments: " + strings.Join(s.names, ", ")
}

// want says in words what a property takes.
func (p property) want() string { return want(p.schema) }

func want(s *jsonschema.Schema) string {
	text := s.Type
	switch {
	case len(s.Enum) > 0:
		choices := make([]string, len(s.Enum))
		for i, e := range s.Enum {
			choices[i] = fmt.Sprint(e)
		}
		text = "one of " + strings.Join(choices, ", ")
	case s.Type == "array":
		text = "a list: each " + want(s.Items)
		text += limits(s.MinItems, s.MaxItems, " entries")
	case s.Type == "string":
		text = "text" + limits(s.MinLength, s.MaxLength, " characters")
	case s.Type == "integer":
		text = "a whole number" + limits(s.Minimum, s.Maximum, "")
	case s.Type == "number":
		text = "a number" + limits(s.Minimum, s.Maximum, "")
	case s.Type == "boolean":
		text = "true or false"
	}
	return text
}

func limits[N int | float64](low, high *N, unit string) string {
	plain := func(n *N) string { return strconv.FormatFloat(float64(*n), 'f', -1, 64) }
	switch {
	case low != nil && high != nil:
		return fmt.Sprintf(" of %s to %s%s", plain(low), plain(high), unit)
	case low != nil:
		return fmt.Sprintf(" of at least %s%s", plain(low), unit)
	case high != nil:
		return fmt.Sprintf(" of at most %s%s", plain(high), unit)
	}
	return ""
}

// shown is an argument as the refusal repeats it.
func shown(v any) string {
	if s, ok := v.(string); ok {
		return foreign.Text(s).Quoted()
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil { // a number out of range
		return "something that JSON does not have"
	}
	return foreign.Clean(strings.TrimSuffix(b.String(), "\n"), foreign.MaxText)
}
