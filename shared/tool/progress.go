package tool

import (
	"context"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"payops-mcp/shared/foreign"
)

// progressEvery is the least time between two notifications of progress, and
// before the first. The library writes them from a goroutine of its own: one sent
// right before the answer can come after it, and clients complain of that.
const progressEvery = time.Second

// progress is what a call in flight has told its client of how far it is.
type progress struct {
	send func(done, total float64, message string)

	mu   sync.Mutex
	at   time.Time // when it was sent last, at first when the call began
	done float64
}

type progressKey struct{}

// Progress tells the client how far a call is: done of total, in any unit (a total
// of 0 is unknown), and in words what is being done. It may be called as often as
// one likes, from any goroutine: a client that did not ask hears nothing, another
// at most once a second, and only of what grew.
func Progress(ctx context.Context, done, total float64, message string) {
	p, ok := ctx.Value(progressKey{}).(*progress)
	if !ok {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if done <= p.done || time.Since(p.at) < progressEvery {
		return
	}
	p.at, p.done = time.Now(), done
	p.send(done, total, message)
}

// withProgress lets the handler of a request tell of its progress, if the client
// asked for that.
func withProgress(ctx context.Context, req mcp.CallToolRequest) context.Context {
	s := server.ServerFromContext(ctx)
	if s == nil || req.Params.Meta == nil || req.Params.Meta.ProgressToken == nil {
		return ctx
	}
	token := req.Params.Meta.ProgressToken
	return context.WithValue(ctx, progressKey{}, &progress{at: time.Now(), send: func(done, total float64, message string) {
		params := map[string]any{"progressToken": token, "progress": done, "message": foreign.Clean(message, foreign.MaxText)}
		if total > 0 {
			params["total"] = total
		}
		// A client that cannot be told gets its answer all the same.
		_ = s.SendNotificationToClient(ctx, "notifications/progress", params)
	}})
}
