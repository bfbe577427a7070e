package serve_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"math"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"payops-mcp/shared/env"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
	"payops-mcp/shared/serve"
	"payops-mcp/shared/tool"
)

// TestMain makes this test binary a server when a test starts it as one.
func TestMain(m *testing.M) {
	if os.Getenv("SERVE_TEST_CHILD") != "" {
		serve.Main(childApp())
	}
	os.Exit(m.Run())
}

type childConfig struct {
	env.Common
	URL   string     `env:"TEST_URL" default:"http://localhost:9090" help:"base URL"`
	Token env.Secret `env:"TEST_TOKEN" help:"token"`
}

// childApp is a server whose tools do everything that a handler must not.
func childApp() serve.App {
	config := &childConfig{}
	return serve.App{
		Name: "child-mcp", Title: "Child", Description: "A server for tests.", Instructions: "Ask it anything.",
		Config: config, Common: &config.Common,
		Build: func([]env.Value) serve.Parts {
			return serve.Parts{
				Tools: []tool.Tool{
					declare("run_test", "Runs", run),
					declare("spare_test", "Spare", run),
				},
				Resources: []tool.Resource{about},
				Checks:    childChecks(os.Getenv("SERVE_TEST_CHECKS")),
			}
		},
	}
}

func childChecks(which string) (checks []serve.Check) {
	for name := range strings.FieldsSeq(which) {
		checks = append(checks, map[string]serve.Check{
			"ok": func(context.Context) fault.Source { return fault.Source{Name: "redis", Took: 1240 * time.Microsecond} },
			"refused": func(context.Context) fault.Source {
				return fault.Source{Name: "ingest", Asked: "GET /status", Took: time.Millisecond,
					Err: &fault.Failure{Class: fault.Unreachable, Said: "connection refused\x1b", Next: "Start it"}}
			},
			"panic": func(context.Context) fault.Source { panic("boom") },
			"stuck": func(context.Context) fault.Source { select {} },
		}[name])
	}
	return checks
}

type runIn struct {
	Do    string        `json:"do,omitempty" jsonschema:"what to do" default:"nothing"`
	Bytes int           `json:"bytes,omitempty" jsonschema:"how much"`
	Pad   string        `json:"pad,omitempty" jsonschema:"ignored"`
	Text  *foreign.Text `json:"text,omitempty" jsonschema:"comes back"`
}

type runOut struct {
	Begun      int64         `json:"begun"` // calls of this process that reached the handler
	Goroutines int           `json:"goroutines"`
	Rate       float64       `json:"rate"`
	Text       *foreign.Text `json:"text"`
}

var begun, waiting atomic.Int64

func run(ctx context.Context, in runIn) (report.Answer[runOut], error) {
	start := time.Now()
	a := report.Answer[runOut]{Summary: "done", Verdict: "ok", Data: runOut{Begun: begun.Add(1), Text: in.Text}}
	switch in.Do {
	case "wait": // as a call to a black hole does
		log.Printf("waiting=%d.", waiting.Add(1))
		<-ctx.Done()
		return a, ctx.Err()
	case "announce": // a call that takes its time, and says that it has begun
		log.Printf("announced")
		select {
		case <-ctx.Done():
			return a, ctx.Err()
		case <-time.After(time.Second):
		}
	case "pause": // as a query that takes its time
		select {
		case <-ctx.Done():
			return a, ctx.Err()
		case <-time.After(300 * time.Millisecond):
		}
	case "advance": // as a scan of much data does, until two notices must have gone
		for step := 1.0; ; step++ {
			tool.Progress(ctx, min(step, 1e6), 1e6, "step\x1b[2J of a scan")
			tool.Progress(ctx, 1, 1e6, "falls back")
			if time.Since(start) > 3*time.Second || ctx.Err() != nil {
				return a, ctx.Err()
			}
			time.Sleep(time.Millisecond) // the work of a step
		}
	case "ignore": // the handler that does not heed its context
		select {}
	case "panic":
		panic("secret=hunter2")
	case "nan":
		a.Data.Rate = math.NaN()
	case "print":
		fmt.Fprintln(os.Stdout, "printed to stdout")
		log.Println("logged by a library")
	case "goroutines":
		runtime.GC()
		a.Data.Goroutines = runtime.NumGoroutine()
	case "memory":
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		a.Summary = fmt.Sprint(m.Sys)
	case "garbage":
		garbage := make([][]byte, 100)
		for i := range garbage {
			garbage[i] = bytes.Repeat([]byte{1}, 1<<20)
		}
		runtime.KeepAlive(garbage)
	case "large":
		a.Summary = strings.Repeat("x", 1000)
		text := foreign.Text(strings.Repeat("y", in.Bytes))
		a.Data.Text = &text
	}
	return a, nil
}

func declare[In, D any](name, title string, handle func(context.Context, In) (report.Answer[D], error)) tool.Tool {
	return tool.Read(tool.Spec{Name: name, Title: title, Description: "Does what a test wants.", Examples: []string{`{}`}}, handle)
}

// call is a tools/call of run_test.
func call(id any, do string) string {
	args, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": id, "method": "tools/call",
		"params": map[string]any{"name": "run_test", "arguments": map[string]any{"do": do}}})
	if err != nil {
		panic(err)
	}
	return string(args)
}
