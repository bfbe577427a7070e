package tool

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
)

// schema is the JSON Schema of a tool's arguments, ready to judge them.
type schema struct {
	json  json.RawMessage
	root  *jsonschema.Resolved
	props map[string]property
	names []string // in the order of the struct
}

type property struct {
	schema   *jsonschema.Schema
	resolved *jsonschema.Resolved
	required bool
}

// schemaOf makes the schema of In and panics where In is no good declaration.
func schemaOf[In any](tool string) schema {
	bad := func(err error) {
		if err != nil {
			panic(fmt.Sprintf("tool: %s: arguments: %v", tool, err))
		}
	}
	root, err := jsonschema.For[In](nil)
	bad(err)
	s := schema{props: map[string]property{}}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[In]()) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || !f.IsExported() || name == "-" {
			continue
		}
		p := root.Properties[name]
		if p == nil {
			panic(fmt.Sprintf("tool: %s: arguments: %s has no json name", tool, f.Name))
		}
		bad(refine(p, f, slices.Contains(root.Required, name)))
		resolved, err := p.Resolve(&jsonschema.ResolveOptions{ValidateDefaults: true})
		bad(err)
		s.names = append(s.names, name)
		s.props[name] = property{p, resolved, slices.Contains(root.Required, name)}
	}
	root.PropertyOrder = s.names
	// A property schema belongs to one root, so the whole is resolved on a copy.
	s.root, err = root.CloneSchemas().Resolve(&jsonschema.ResolveOptions{ValidateDefaults: true})
	bad(err)
	s.json, err = json.Marshal(root)
	bad(err)
	if len(s.json) > maxSchema {
		panic(fmt.Sprintf("tool: %s: a schema of %d bytes, hosts take %d", tool, len(s.json), maxSchema))
	}
	return s
}

// refine adds what the type alone does not say.
func refine(p *jsonschema.Schema, f reflect.StructField, required bool) error {
	if p.Description == "" {
		return fmt.Errorf("%s has no description", f.Name)
	}
	if len(p.Types) > 0 { // optional pointers and lists: null is not a value, it is left out
		p.Types = slices.DeleteFunc(p.Types, func(t string) bool { return t == "null" })
		if len(p.Types) == 1 {
			p.Type, p.Types = p.Types[0], nil
		}
	}
	values := p
	if p.Type == "array" {
		values = p.Items
	}
	if list := f.Tag.Get("enum"); list != "" {
		if values.Type != "string" {
			return fmt.Errorf("%s: enum is for text", f.Name)
		}
		for v := range strings.SplitSeq(list, ",") {
			values.Enum = append(values.Enum, v)
		}
	}
	for tag, set := range map[string]func(n float64){
		"min": func(n float64) { bound(p, &p.Minimum, &p.MinLength, &p.MinItems, n) },
		"max": func(n float64) { bound(p, &p.Maximum, &p.MaxLength, &p.MaxItems, n) },
	} {
		if text := f.Tag.Get(tag); text != "" {
			n, err := strconv.ParseFloat(text, 64)
			if err != nil {
				return fmt.Errorf("%s: tag %s:%q is no number", f.Name, tag, text)
			}
			set(n)
		}
	}
	if text, ok := f.Tag.Lookup("default"); ok {
		if required {
			return fmt.Errorf("%s has a default but no omitempty", f.Name)
		}
		if p.Type == "string" {
			text = strconv.Quote(text)
		}
		p.Default = json.RawMessage(text)
	}
	return nil
}

func bound(p *jsonschema.Schema, number **float64, length, items **int, n float64) {
	whole := int(n)
	switch p.Type {
	case "string":
		*length = &whole
	case "array":
		*items = &whole
	default:
		*number = &n
	}
}
