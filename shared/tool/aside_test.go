package tool_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/server"

	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
	"payops-mcp/shared/tool"
)

// echo answers with what it is asked, as a source's text and in the sentences.
var echo = tool.Read(tool.Spec{Name: "echo_test", Title: "Echo", Description: "Echoes."},
	func(_ context.Context, in echoed) (report.Answer[echoed], error) {
		return report.Answer[echoed]{Summary: "said " + in.Text.String(), Verdict: "ok", Data: in,
			Pictures: []report.Picture{{MIME: "image/png", Data: []byte("\x89PNG")}}}, nil
	})

type echoed struct {
	Text foreign.Text `json:"text" jsonschema:"comes back"`
}

// An answer that was laid aside says what one says that was not, whatever stands in it.
func TestWhatIsLaidAsideComesBackAsItWas(t *testing.T) {
	t.Parallel()
	s := server.NewMCPServer("test", "1")
	s.AddTools(echo.Serve(tool.Limits{Timeout: time.Minute, MaxBytes: 1 << 20}, slog.New(slog.DiscardHandler)))
	message := func(ctx context.Context, text string) []byte {
		call, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": "tools/call",
			"params": map[string]any{"name": "echo_test", "arguments": map[string]any{"text": text}}})
		if err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(s.HandleMessage(ctx, call))
		if err != nil {
			t.Error(err)
		}
		return data
	}
	aside := tool.NewAside()
	var wg sync.WaitGroup
	for name, text := range map[string]string{
		"plain":               "captured",
		"empty":               "",
		"markup":              `<b>&amp;</b> "quoted" \ 'x'`,
		"lines":               "a\nb\r\n\u2028c\x00\x1b[2J",
		"한국어":                 "승인 거절 💳",
		"no UTF-8":            "\xff\xfe",
		"large":               strings.Repeat("<x>", 100_000),
		"says it was laid":    `"aside:AAAAAAAAAAAAAAAAAAAAAAAAAA:1"`,
		"says it, unfinished": `"aside:`,
	} {
		wg.Go(func() {
			want := message(t.Context(), text)
			laid := message(aside.Within(t.Context()), text)
			if !bytes.Contains(want, []byte(`"summary"`)) || bytes.Contains(laid, []byte("said")) {
				t.Errorf("%s: nothing was laid aside of %.500s", name, laid)
			}
			got := aside.PutBack(nil, laid)
			if bytes.ContainsAny(got, "\n\r") || !json.Valid(got) || !reflect.DeepEqual(values(t, got), values(t, want)) {
				t.Errorf("%s:\n%.2000s\nand not\n%.2000s", name, got, want)
			}
			if again := aside.PutBack(nil, laid); bytes.Contains(again, []byte("said")) {
				t.Errorf("%s: is kept after it came back", name)
			}
		})
	}
	wg.Wait()
}

// values are what a message holds.
func values(t *testing.T, message []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(message, &v); err != nil {
		t.Errorf("%v: %.500s", err, message)
	}
	return v
}

// A message without an answer is left as it is.
func TestAMessageWithNothingLaidAsideIsLeft(t *testing.T) {
	t.Parallel()
	for _, message := range []string{``, `{"jsonrpc":"2.0","id":1,"result":{}}`, fmt.Sprintf(`{"text":%q}`, "aside:1")} {
		if got := tool.NewAside().PutBack(nil, []byte(message)); string(got) != message {
			t.Errorf("%s became %s", message, got)
		}
	}
}
