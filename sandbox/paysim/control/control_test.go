package control_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"payops-mcp/sandbox/ingest/wire"
	"payops-mcp/sandbox/paysim/breaker"
	"payops-mcp/sandbox/paysim/control"
	"payops-mcp/sandbox/paysim/defect"
)

type loop bool

func (l *loop) Pause(p bool) { *l = loop(p) }
func (l *loop) Paused() bool { return bool(*l) }

func TestHandler(t *testing.T) {
	var poller loop
	b := breaker.New(wire.KafkaPublisher, breaker.KafkaPublisher)
	t.Cleanup(b.Close)
	h := control.Handler(control.Options{
		Defects: &defect.Set{}, Loops: map[string]control.Pausable{"poller": &poller}, Breakers: []*breaker.Breaker{b},
	})
	send := func(method, path, body string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body)))
		return w
	}
	for _, c := range []struct{ method, path, body string }{
		{"PUT", "/defects", `["no-dedupe"]`},
		{"POST", "/loops/poller/pause", ""},
		{"POST", "/breakers/kafka-publisher/forced_open", ""},
	} {
		if w := send(c.method, c.path, c.body); w.Code != http.StatusNoContent {
			t.Errorf("%s %s: %d %s", c.method, c.path, w.Code, w.Body)
		}
	}
	var got control.Status
	if err := json.Unmarshal(send("GET", "/status", "").Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Defects) != 1 || !got.Paused["poller"] || got.Breakers[wire.KafkaPublisher] != wire.ForcedOpen {
		t.Errorf("status %+v", got)
	}
	for _, c := range []struct{ method, path, body string }{
		{"PUT", "/defects", `["no-such"]`},
		{"POST", "/loops/poller/stop", ""},
		{"POST", "/loops/retries/pause", ""},
		{"POST", "/breakers/kafka-publisher/broken", ""},
		{"POST", "/breakers/other/OPEN", ""},
	} {
		if w := send(c.method, c.path, c.body); w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s %s %s: %d, want a refusal", c.method, c.path, c.body, w.Code)
		}
	}
}
