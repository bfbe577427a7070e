package cb

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"payops-mcp/bench/internal/subject"
	"payops-mcp/bench/internal/tokens"
)

// The bounds.
const (
	ofSlowest    = 1.3 // of the slowest source's own time
	overDeadline = 100 // ms, over the time that a source may take
	seriesTokens = 1600
	answerTokens = 900
)

// sourceTimeout is how long the server waits for one system.
const sourceTimeout = 4 * time.Second

// looks are the tools that ask several systems, with what a good answer says.
var looks = []struct {
	call  subject.Call
	found string
}{
	{subject.Call{Tool: "get_circuit_breaker_status", Args: map[string]any{}}, "CLOSED"},
	{subject.Call{Tool: "diagnose_circuit_breaker", Args: map[string]any{}}, "CLOSED now"},
	{subject.Call{Tool: "check_stack_health", Args: map[string]any{}}, "kafka | ok"},
	{subject.Call{Tool: "analyze_failure_pattern", Args: map[string]any{}}, "stayed CLOSED"},
}

// said is what is read of an answer.
type said struct {
	Sources []struct {
		Name string
		OK   bool
		Took float64 `json:"took_ms"`
	}
	Data struct{ Series []any }
}

// ask calls a tool and makes sure that the answer says what it must.
func ask(ctx context.Context, p *subject.Process, c subject.Call, found string) (subject.Answer, said, error) {
	a, err := p.Call(ctx, c)
	if err != nil {
		return a, said{}, err
	}
	var s said
	if a.IsError {
		return a, s, fmt.Errorf("void: %s answered\n%s", c.Tool, a.Text)
	}
	if err := json.Unmarshal(a.Structured, &s); err != nil {
		return a, s, err
	}
	return a, s, says(a.Text, c.Tool, found)
}

// besideSlowest measures a whole answer over the longest that any one source took
// in it: they are asked side by side.
func (b *bench) besideSlowest(ctx context.Context) error {
	p, _, err := subject.Start(ctx, b.program, b.healthy)
	if err != nil {
		return err
	}
	defer p.Kill()
	for _, look := range looks[:3] { // the last asks Prometheus alone
		var ratios, whole []float64
		for n := range b.Calls + warmUp {
			a, s, err := ask(ctx, p, look.call, look.found)
			if err != nil {
				return err
			}
			slowest := 0.0
			for _, source := range s.Sources {
				if !source.OK {
					return fmt.Errorf("void: %s did not answer:\n%s", source.Name, a.Text)
				}
				slowest = max(slowest, source.Took)
			}
			if n >= warmUp {
				ratios, whole = append(ratios, ms(a.Took)/slowest), append(whole, ms(a.Took))
			}
		}
		b.figures.Add("answer, all sources well", look.call.Tool, "ms", median(whole))
		f := b.figures.Add("answer, of its slowest source", look.call.Tool, "times", median(ratios))
		if look.call.Tool == "diagnose_circuit_breaker" {
			f.AtMost(ofSlowest)
		}
	}
	return nil
}

// whileOneHangs measures how much longer than the time that a source may take an
// answer takes while one takes connections and says nothing.
func (b *bench) whileOneHangs(ctx context.Context) error {
	for _, hanging := range []struct{ name, setting, value string }{
		{"Prometheus", "PROMETHEUS_URL", "http://" + b.hole.Addr()},
		{"the ingest API", "API_BASE_URL", "http://" + b.hole.Addr()},
		{"Kafka", "KAFKA_BOOTSTRAP_SERVERS", b.hole.Addr()},
	} {
		settings := maps.Clone(b.healthy)
		settings[hanging.setting] = hanging.value
		p, _, err := subject.Start(ctx, b.program, settings)
		if err != nil {
			return err
		}
		a, s, err := ask(ctx, p, looks[1].call, "verdict:")
		p.Kill()
		if err != nil {
			return err
		}
		silent := 0
		for _, source := range s.Sources {
			if !source.OK {
				silent++
			}
		}
		if silent != 1 {
			return fmt.Errorf("void: %d sources failed while %s hangs:\n%s", silent, hanging.name, a.Text)
		}
		b.figures.Add("answer over the deadline of a source that hangs", hanging.name, "ms", ms(a.Took-sourceTimeout)).
			AtMost(overDeadline).Says("diagnose_circuit_breaker; a source may take %s", sourceTimeout)
	}
	return nil
}

// fifty asks for the planted series.
var fifty = subject.Call{Tool: "query_metrics", Args: map[string]any{"promql": plantedMetric, "time_range": "1h"}}

// answers measures what answers cost a model.
func (b *bench) answers(ctx context.Context) error {
	p, _, err := subject.Start(ctx, b.program, b.healthy)
	if err != nil {
		return err
	}
	defer p.Kill()
	for _, look := range looks {
		a, _, err := ask(ctx, p, look.call, look.found)
		if err != nil {
			return err
		}
		if err := b.countTokens("an answer's text", look.call.Tool, a.Text, answerTokens); err != nil {
			return err
		}
	}
	a, s, err := ask(ctx, p, fifty, plantedMetric)
	if err != nil {
		return err
	}
	if len(s.Data.Series) != plantedSeries {
		return fmt.Errorf("void: %d of %d planted series:\n%s", len(s.Data.Series), plantedSeries, a.Text)
	}
	if err := b.countTokens("fifty series over an hour", fifty.Tool, a.Text, seriesTokens); err != nil {
		return err
	}
	var took []float64
	for range b.Calls {
		a, _, err := ask(ctx, p, fifty, plantedMetric)
		if err != nil {
			return err
		}
		took = append(took, ms(a.Took))
	}
	b.figures.Add("fifty series over an hour", fifty.Tool, "ms", median(took))
	b.figures.Skip("fifty series over an hour, of mcp-grafana's", fifty.Tool, "times", "mcp-grafana, and a Grafana before this Prometheus, are not here")
	return nil
}

func (b *bench) countTokens(name, tool, text string, most float64) error {
	n, err := tokens.Count(text)
	if err != nil {
		return err
	}
	b.figures.Add(name, tool, "tokens", float64(n)).AtMost(most).Says("%s, as %d bytes", tokens.Encoding, len(text))
	return nil
}
