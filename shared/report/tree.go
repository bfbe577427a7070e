package report

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"payops-mcp/shared/foreign"
)

// node is a value on its way out. Both forms of an answer are written from the
// same nodes, so that neither can say more than the other. Making one closes
// three traps of JSON: NaN has no encoding and would lose the whole answer, nil
// slices become null, and strings from outside may carry anything.
type node struct {
	kind   nodeKind
	scalar string // number or bool as JSON, string cleaned and unquoted
	fields []field
	items  []*node
	of     int // array: how many items there were before it was cut to fit
}

type field struct {
	name string
	node *node
}

type nodeKind int

const (
	nullNode nodeKind = iota
	rawNode           // number or bool
	ownNode           // our own words
	foreignNode
	objectNode
	arrayNode
)

// maxOwn caps strings of our own; they are sentences, never dumps.
const maxOwn = 2000

var (
	textType   = reflect.TypeFor[foreign.Text]()
	timeType   = reflect.TypeFor[time.Time]()
	numberType = reflect.TypeFor[json.Number]()
)

func own(s string) *node { return &node{kind: ownNode, scalar: foreign.Clean(s, maxOwn)} }
func raw(s string) *node { return &node{kind: rawNode, scalar: s} }

func object(fields ...field) *node { return &node{kind: objectNode, fields: fields} }

// treeOf converts a value. Maps, channels and the like are mistakes in a tool's
// declaration: they panic, and any test that calls the tool shows it.
func treeOf(v reflect.Value) *node {
	if !v.IsValid() {
		return &node{}
	}
	switch v.Type() {
	case textType:
		return &node{kind: foreignNode, scalar: foreign.Text(v.String()).String()}
	case timeType:
		t, _ := v.Interface().(time.Time)
		return own(t.Format(timeFormat(t)))
	case numberType:
		if _, err := strconv.ParseFloat(v.String(), 64); err != nil {
			return &node{}
		}
		return raw(v.String())
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return &node{}
		}
		return treeOf(v.Elem())
	case reflect.Bool:
		return raw(strconv.FormatBool(v.Bool()))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return raw(strconv.FormatInt(v.Int(), 10))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return raw(strconv.FormatUint(v.Uint(), 10))
	case reflect.Float32, reflect.Float64:
		f := v.Float()
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return &node{}
		}
		return raw(strconv.FormatFloat(f, 'f', -1, 64))
	case reflect.String:
		return own(v.String())
	case reflect.Slice, reflect.Array:
		n := &node{kind: arrayNode, of: v.Len()}
		for i := range v.Len() {
			n.items = append(n.items, treeOf(v.Index(i)))
		}
		return n
	case reflect.Struct:
		return structNode(v)
	default:
		panic(fmt.Sprintf("report: %s cannot stand in an answer", v.Type()))
	}
}

func structNode(v reflect.Value) *node {
	n := &node{kind: objectNode}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			n.fields = append(n.fields, structNode(v.Field(i)).fields...)
			continue
		case !f.IsExported() || name == "-":
			continue
		case name == "":
			panic(fmt.Sprintf("report: %s.%s has no json name", v.Type(), f.Name))
		}
		empty := v.Field(i).IsZero() || v.Field(i).Kind() == reflect.Slice && v.Field(i).Len() == 0
		if strings.HasPrefix(options, "omit") && empty {
			continue
		}
		n.fields = append(n.fields, field{name, treeOf(v.Field(i))})
	}
	return n
}

// timeFormat shows milliseconds only where there are any.
func timeFormat(t time.Time) string {
	if t.Nanosecond()/1e6 != 0 {
		return "2006-01-02T15:04:05.000Z07:00"
	}
	return time.RFC3339
}

// hasForeign reports whether text from outside stands below n.
func (n *node) hasForeign() bool {
	if n.kind == foreignNode {
		return true
	}
	for _, f := range n.fields {
		if f.node.hasForeign() {
			return true
		}
	}
	for _, i := range n.items {
		if i.hasForeign() {
			return true
		}
	}
	return false
}

// json writes n as compact JSON without HTML escapes.
func (n *node) json(b *strings.Builder) {
	switch n.kind {
	case nullNode:
		b.WriteString("null")
	case rawNode:
		b.WriteString(n.scalar)
	case ownNode, foreignNode:
		b.WriteString(quoted(n.scalar))
	case objectNode:
		b.WriteByte('{')
		for i, f := range n.fields {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(quoted(f.name) + ":")
			f.node.json(b)
		}
		b.WriteByte('}')
	case arrayNode:
		b.WriteByte('[')
		for i, item := range n.items {
			if i > 0 {
				b.WriteByte(',')
			}
			item.json(b)
		}
		b.WriteByte(']')
	}
}

func quoted(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return `""` // a string always encodes
	}
	return strings.TrimSuffix(b.String(), "\n")
}
