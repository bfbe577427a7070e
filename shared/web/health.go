package web

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

// healthFor is how long what the sources said is told again: a probe every few
// seconds must not become load on the systems under diagnosis.
const healthFor = 15 * time.Second

// Health knows whether the sources answer. It asks them when it is asked, at
// most once in healthFor.
type Health struct {
	ask func(context.Context) []fault.Source

	mu    sync.Mutex
	at    time.Time
	known []fault.Source
}

// NewHealth makes a Health of what asks all sources side by side, within bounds.
func NewHealth(ask func(context.Context) []fault.Source) *Health { return &Health{ask: ask} }

// sources returns what the sources said last, or asks them.
func (h *Health) sources(ctx context.Context) []fault.Source {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.at) > healthFor {
		// The next probe wants the answer, too, when this one hangs up.
		h.known = h.ask(context.WithoutCancel(ctx))
		h.at = time.Now()
	}
	return h.known
}

// ready says whether calls are taken. A source that is down is told of and does
// not make the server unready: it is asked exactly then.
func (h *Health) ready(ending context.Context) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ending.Err() != nil {
			http.Error(w, "ending", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
		for _, s := range h.sources(r.Context()) {
			state := "ok"
			if !s.OK() {
				state = string(s.Err.Class)
			}
			fmt.Fprintf(w, "%s %s\n", foreign.Clean(s.Name, foreign.MaxText), state)
		}
	})
}
