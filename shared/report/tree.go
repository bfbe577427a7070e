package report

import (
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
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
}

// field is a member of an object. One that is left out has no node, but keeps its
// place among the others, so that columns of a table stand in one order always.
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
	proseNode // lines, one below the other in the text form; see Prose and Quote
)

// maxOwn caps strings of our own; they are sentences, never dumps.
const maxOwn = 2000

var (
	textType     = reflect.TypeFor[foreign.Text]()
	amountType   = reflect.TypeFor[Amount]()
	timeType     = reflect.TypeFor[time.Time]()
	durationType = reflect.TypeFor[time.Duration]()
	numberType   = reflect.TypeFor[json.Number]()
	proseType    = reflect.TypeFor[Prose]()
	quoteType    = reflect.TypeFor[Quote]()

	marshalerType = reflect.TypeFor[encoding.TextMarshaler]()
)

func own(s string) *node { return &node{kind: ownNode, scalar: foreign.Clean(s, maxOwn)} }
func raw(s string) *node { return &node{kind: rawNode, scalar: s} }

func object(fields ...field) *node { return &node{kind: objectNode, fields: fields} }

// treeOf converts a value. A time that is zero is not known. Maps, bytes, channels
// and the like are mistakes in a tool's declaration: they panic, and any test that
// calls the tool shows it.
func treeOf(v reflect.Value) *node {
	if !v.IsValid() {
		return &node{}
	}
	switch v.Type() {
	case textType:
		return &node{kind: foreignNode, scalar: foreign.Text(v.String()).String()}
	case amountType:
		return Amount(v.String()).node()
	case timeType:
		t, _ := reflect.TypeAssert[time.Time](v)
		if t.IsZero() {
			return &node{}
		}
		return own(t.Format(timeFormat(t)))
	case durationType:
		return own(time.Duration(v.Int()).String())
	case numberType:
		return number(v.String())
	case proseType:
		return Prose(v.String()).node()
	case quoteType:
		q, _ := reflect.TypeAssert[Quote](v)
		return q.node()
	}
	if v.Kind() != reflect.Pointer && v.Type().Implements(marshalerType) {
		return marshaled(v)
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
		return float(v)
	case reflect.String:
		return own(v.String())
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			panic("report: bytes cannot stand in an answer: give them as foreign.Text")
		}
		n := &node{kind: arrayNode}
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
	members := membersOf(v.Type())
	n := &node{kind: objectNode, fields: make([]field, 0, len(members))}
	for i, m := range members {
		switch {
		case m.within:
			n.fields = append(n.fields, structNode(v.Field(i)).fields...)
			continue
		case m.name == "":
			continue
		}
		value := treeOf(v.Field(i))
		empty := value.kind == nullNode || (value.kind == arrayNode || value.kind == proseNode) && len(value.items) == 0 || v.Field(i).IsZero()
		if m.omit && empty {
			value = nil
		}
		n.fields = append(n.fields, field{m.name, value})
	}
	return n
}

// member is what the declaration of a struct says of one of its fields.
type member struct {
	name   string // in an answer; empty for one that is in none
	omit   bool   // where it is empty
	within bool   // its own members stand among those of the struct
}

var declared sync.Map // of reflect.Type: its []member, read once

func membersOf(t reflect.Type) []member {
	if known, ok := declared.Load(t); ok {
		return known.([]member) //nolint:forcetypeassert // nothing else is kept there
	}
	members := make([]member, t.NumField())
	for i := range members {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			members[i].within = true
		case !f.IsExported() || name == "-":
		case name == "":
			panic(fmt.Sprintf("report: %s.%s has no json name", t, f.Name))
		default:
			members[i] = member{name: name, omit: strings.HasPrefix(options, "omit")}
		}
	}
	declared.Store(t, members)
	return members
}

// number is a number as it came over a wire. What is no JSON number, such as NaN,
// is not known.
func number(s string) *node {
	if _, err := strconv.ParseFloat(s, 64); err != nil || !json.Valid([]byte(s)) {
		return &node{}
	}
	return raw(s)
}

// float is a number; NaN and infinities, which JSON does not have, are not known.
func float(v reflect.Value) *node {
	f, format, bits := v.Float(), byte('f'), v.Type().Bits()
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return &node{}
	}
	if size := math.Abs(f); size != 0 && (size < 1e-6 || size >= 1e21) {
		format = 'e'
	}
	return raw(strconv.FormatFloat(f, format, -1, bits))
}

// marshaled shows a value as its type wants it shown; so a type that hides its
// value hides it here too.
func marshaled(v reflect.Value) *node {
	m, _ := reflect.TypeAssert[encoding.TextMarshaler](v)
	text, err := m.MarshalText()
	if err != nil {
		panic(fmt.Sprintf("report: %s: %v", v.Type(), err))
	}
	return own(string(text))
}

// timeFormat shows milliseconds only where there are any.
func timeFormat(t time.Time) string {
	if t.Nanosecond()/1e6 != 0 {
		return "2006-01-02T15:04:05.000Z07:00"
	}
	return time.RFC3339
}

// hasForeign reports whether text from outside stands below n. Our own sentences
// carry it in double quotes (foreign.Text.Quoted).
func (n *node) hasForeign() bool {
	if n == nil {
		return false
	}
	switch n.kind {
	case foreignNode:
		return true
	case ownNode:
		return strings.Contains(n.scalar, `"`)
	case objectNode:
		return slices.ContainsFunc(n.fields, func(f field) bool { return f.node.hasForeign() })
	case arrayNode:
		return slices.ContainsFunc(n.items, (*node).hasForeign)
	case proseNode: // a double quote in a page of ours is no mark of anything
		return slices.ContainsFunc(n.items, func(l *node) bool { return l.kind == foreignNode })
	case nullNode, rawNode:
	}
	return false
}

// size is about how many bytes n takes in either form.
func (n *node) size() int {
	if n == nil {
		return 0
	}
	size := len(n.scalar) + 2
	for _, f := range n.fields {
		size += len(f.name) + 3 + f.node.size()
	}
	for _, item := range n.items {
		size += item.size()
	}
	return size
}

// encode returns n as compact JSON without HTML escapes.
func (n *node) encode() []byte { return n.json(make([]byte, 0, usual)) }

// usual is how many bytes a form of most answers has room in.
const usual = 4 << 10

// json appends n to b.
func (n *node) json(b []byte) []byte {
	switch n.kind {
	case nullNode:
		return append(b, "null"...)
	case rawNode:
		return append(b, n.scalar...)
	case ownNode, foreignNode:
		return foreign.AppendQuoted(b, n.scalar)
	case objectNode:
		open := len(b)
		for _, f := range n.fields {
			if f.node != nil {
				b = f.node.json(append(foreign.AppendQuoted(append(b, ','), f.name), ':'))
			}
		}
		return enclosed(b, open, '{', '}')
	case arrayNode:
		open := len(b)
		for _, item := range n.items {
			b = item.json(append(b, ','))
		}
		return enclosed(b, open, '[', ']')
	case proseNode:
		return foreign.AppendQuoted(b, n.joined())
	}
	return b
}

// enclosed puts what stands behind open, each part after a comma, into brackets.
func enclosed(b []byte, open int, left, right byte) []byte {
	if len(b) == open {
		b = append(b, left)
	}
	b[open] = left
	return append(b, right)
}
