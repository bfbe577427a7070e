package report_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
)

type hidden string

func (hidden) MarshalText() ([]byte, error) { return []byte("***"), nil }

func TestValuesThatJSONCannotHoldOrThatWouldMislead(t *testing.T) {
	render := func(data any) (text, structured string) {
		text, j := report.Answer[any]{Summary: "s", Data: data}.Render(60000)
		if !json.Valid(j) {
			t.Fatalf("no JSON: %s", j)
		}
		_, structured, _ = strings.Cut(string(j), `"data":`)
		return text, structured
	}
	for name, c := range map[string]struct {
		data any
		want string
	}{
		"NaN": {struct {
			V float64 `json:"v"`
		}{math.NaN()}, `{"v":null}`},
		"infinity": {struct {
			V float32 `json:"v"`
		}{float32(math.Inf(-1))}, `{"v":null}`},
		"float32 digits": {struct {
			V float32 `json:"v"`
		}{0.1}, `{"v":0.1}`},
		"very large": {struct {
			V float64 `json:"v"`
		}{1e300}, `{"v":1e+300}`},
		"very small": {struct {
			V float64 `json:"v"`
		}{1e-9}, `{"v":1e-09}`},
		"number NaN": {struct {
			V json.Number `json:"v"`
		}{"NaN"}, `{"v":null}`},
		"number Inf": {struct {
			V json.Number `json:"v"`
		}{"+Inf"}, `{"v":null}`},
		"number hex": {struct {
			V json.Number `json:"v"`
		}{"0x10"}, `{"v":null}`},
		"number 50,00%": {struct {
			V json.Number `json:"v"`
		}{"50,00%"}, `{"v":null}`},
		"number with digits": {struct {
			V json.Number `json:"v"`
		}{"12345678901234567890.10"}, `{"v":12345678901234567890.10}`},
		"nil list": {struct {
			V []int `json:"v"`
		}{}, `{"v":[]}`},
		"nil pointer": {struct {
			V *int `json:"v"`
		}{}, `{"v":null}`},
		"zero time": {struct {
			V time.Time `json:"v"`
		}{}, `{"v":null}`},
		"zero time with zone": {struct {
			V time.Time `json:"v,omitzero"`
		}{time.Time{}.In(time.FixedZone("x", 3600))}, `{}`},
		"length of time": {struct {
			V time.Duration `json:"v"`
		}{90 * time.Second}, `{"v":"1m30s"}`},
		"hidden by its type": {struct {
			V hidden `json:"v"`
		}{"hunter2"}, `{"v":"***"}`},
		"html": {struct {
			V foreign.Text `json:"v"`
		}{"a<b && c>d"}, `{"v":"a<b && c>d"}`},
		"embedded": {struct{ tableRow }{tableRow{ID: 1}}, `{"id":1,"why":null}`},
		"private and excluded": {struct {
			v int
			W int `json:"-"`
		}{1, 2}, `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			text, got := render(c.data)
			if !strings.HasPrefix(got, c.want+",") && got != c.want+"}" {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if strings.Contains(text, "hunter2") || strings.Contains(text, "0001-01-01") || strings.Contains(text, "NaN") {
				t.Errorf("text is\n%s", text)
			}
		})
	}
}

func TestWhatCannotStandInAnAnswerPanics(t *testing.T) {
	for name, data := range map[string]any{
		"map": struct {
			V map[string]int `json:"v"`
		}{map[string]int{}},
		"bytes": struct {
			V []byte `json:"v"`
		}{},
		"raw json": struct {
			V json.RawMessage `json:"v"`
		}{},
		"channel": struct {
			V chan int `json:"v"`
		}{},
		"without name": struct{ V int }{},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("it was taken")
				}
			}()
			report.Answer[any]{Data: data}.Render(60000)
		})
	}
}
