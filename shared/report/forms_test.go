package report_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
)

// Some hosts show a model only the text, others only the structure. This fills
// answers of every shape with values that are each unlike any other, and looks
// for every one of the structure's in the text.
func TestBothFormsCarryTheSameFacts(t *testing.T) {
	for seed := range uint64(300) {
		g := &generator{rand.New(rand.NewPCG(seed, 1)), 1000}
		a := report.Answer[shapes]{
			Summary: g.words(), Because: g.words(), Data: fill[shapes](g), AsOf: g.time(),
			RuledOut: []catalog.Code{catalog.CBDisabled},
			Coverage: fill[report.Coverage](g),
			Sources: []fault.Source{
				{Name: g.words(), Asked: "not shown of a source that answered", Took: 1500 * time.Microsecond},
				{Name: g.words(), Asked: g.words(), Took: time.Second, Err: &fault.Failure{Class: fault.Timeout, Said: foreign.Text(g.words()), Next: g.words()}},
			},
		}
		for range g.IntN(3) {
			f := report.NewFinding(catalog.CBOpen, g.words()).With(g.words(), g.words(), g.words(), g.time())
			a.Findings = append(a.Findings, f.Hurts(g.words()).Then(g.words(), g.words()).ConfirmWith(g.words()))
		}
		text, structured := a.Render(1 << 20)
		for _, s := range scalars(t, structured) {
			if !strings.Contains(text, s.value) && !strings.Contains(text, unquoted(s.value)) {
				t.Fatalf("seed %d: %s = %s is missing in the text:\n%s\n%s", seed, s.path, s.value, text, structured)
			}
		}
	}
}

// shapes are the shapes that a tool's own facts come in.
type shapes struct {
	Text    string         `json:"text"`
	Foreign foreign.Text   `json:"foreign"`
	Number  float64        `json:"number"`
	Small   float32        `json:"small"`
	Count   *int64         `json:"count"`
	Took    time.Duration  `json:"took"`
	Since   time.Time      `json:"since,omitzero"`
	Exact   json.Number    `json:"exact"`
	List    []string       `json:"list"`
	Matrix  [][]int        `json:"matrix"`
	Table   []*row         `json:"table"`
	Ragged  []any          `json:"ragged"`
	Nested  nested         `json:"nested"`
	Words   []foreign.Text `json:"words,omitempty"`
}

type row struct {
	ID     uint32       `json:"id"`
	Name   foreign.Text `json:"name,omitempty"`
	Why    *string      `json:"why"`
	At     time.Time    `json:"at"`
	Inner  []inner      `json:"inner,omitempty"`
	Tagged inner        `json:"tagged"`
}

type inner struct {
	Value float64      `json:"value"`
	Label foreign.Text `json:"label"`
	Tags  []string     `json:"tags,omitempty"`
}

type nested struct {
	Row  row   `json:"row"`
	Rows []row `json:"rows"`
}

// generator makes values that are each unlike any other.
type generator struct {
	*rand.Rand
	n int64
}

func (g *generator) next() int64 { g.n += 1 + g.Int64N(9); return g.n*1000 + 7 }

func (g *generator) words() string {
	odd := []string{"plain", "a | b", "line\nbreak", `say "hi"`, "<b>&</b>", "tab\there", "환불", "esc\x1b[2J", "back\\slash", "a, b", "x=y", "-"}
	return fmt.Sprintf("%s %d", odd[g.IntN(len(odd))], g.next())
}

func (g *generator) time() time.Time {
	if g.IntN(4) == 0 {
		return time.Time{}
	}
	return time.UnixMilli(1732104000000 + g.next()).UTC()
}

func fill[T any](g *generator) (v T) {
	g.fill(reflect.ValueOf(&v).Elem())
	return v
}

func (g *generator) fill(v reflect.Value) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(g.time()))
		return
	case json.Number:
		v.SetString(fmt.Sprint(g.next()))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(g.words())
	case reflect.Int, reflect.Int64:
		v.SetInt(g.next())
	case reflect.Uint32:
		v.SetUint(uint64(g.next()))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float64(g.next()) / 4)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		if g.IntN(3) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			g.fill(v.Elem())
		}
	case reflect.Interface:
		ragged := []reflect.Type{reflect.TypeFor[row](), reflect.TypeFor[inner](), reflect.TypeFor[*row]()}
		e := reflect.New(ragged[g.IntN(len(ragged))]).Elem()
		g.fill(e)
		v.Set(e)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), g.IntN(4), 4))
		for i := range v.Len() {
			g.fill(v.Index(i))
		}
	case reflect.Struct:
		for _, f := range v.Fields() {
			g.fill(f)
		}
	default:
		panic("no generator for " + v.Type().String())
	}
}

type scalar struct{ path, value string }

// scalars returns every number and string of a JSON document, as JSON.
func scalars(t *testing.T, doc []byte) (all []scalar) {
	t.Helper()
	var root any
	d := json.NewDecoder(strings.NewReader(string(doc)))
	d.UseNumber()
	if err := d.Decode(&root); err != nil {
		t.Fatalf("%v in %s", err, doc)
	}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, e := range v {
				walk(path+"."+k, e)
			}
		case []any:
			for i, e := range v {
				walk(fmt.Sprintf("%s[%d]", path, i), e)
			}
		case string:
			all = append(all, scalar{path, foreign.Text(v).Quoted()})
		case json.Number:
			all = append(all, scalar{path, v.String()})
		}
	}
	walk("", root)
	return all
}

// unquoted is a JSON string as our own words stand in the text.
func unquoted(s string) string {
	var plain string
	if json.Unmarshal([]byte(s), &plain) != nil {
		return s
	}
	return plain
}
