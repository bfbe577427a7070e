package serve

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"payops-mcp/shared/tool"
)

const (
	// workers is how many calls run at once. The library's default of 5 lets
	// five slow calls hold up every other.
	workers = 64
	// queue is how many more may wait; beyond it the library would run calls
	// inside its read loop, and ping and cancel would stall.
	queue = 4096
	// lastWords is how long stuck calls may hold up the end of the process.
	lastWords = 2*time.Second - lastLines
)

// Server returns the MCP server for tools and resources. Definitions never change while it
// runs, so clients may keep them.
func (app App) Server(tools []tool.Tool, log *slog.Logger, resources ...tool.Resource) *server.MCPServer {
	return app.server(Parts{Tools: tools, Resources: resources}, log, &server.Hooks{})
}

func (app App) server(parts Parts, log *slog.Logger, hooks *server.Hooks) *server.MCPServer {
	s := server.NewMCPServer(app.Name, Version(),
		server.WithTitle(app.Title), server.WithDescription(app.Description), server.WithInstructions(app.Instructions),
		server.WithToolCapabilities(false), server.WithHooks(hooks),
		server.WithCacheHints(int64(time.Hour/time.Millisecond), mcp.CacheScopePublic),
		// Definitions stay, documents may change and are for those who may ask.
		server.WithMethodCacheHints(mcp.MethodResourcesRead, 0, mcp.CacheScopePrivate),
	)
	if len(parts.Resources) > 0 { // what is not there must not be offered
		server.WithResourceCapabilities(false, false)(s)
	}
	if len(app.Prompts) > 0 {
		server.WithPromptCapabilities(false)(s)
		server.WithCompletions()(s)
		server.WithPromptCompletionProvider(app.Prompts)(s)
		for _, p := range app.Prompts {
			p.AddTo(s)
		}
	}
	limits := tool.Limits{Timeout: app.Common.CallTimeout, MaxBytes: app.Common.MaxResultBytes}
	for _, t := range parts.Tools {
		s.AddTools(t.Serve(limits, log))
	}
	for _, r := range parts.Resources {
		r.AddTo(s, limits, log)
	}
	return s
}

// stdio serves until stdin ends, ctx does, or nobody reads stdout any more. In
// each case the process is gone within lastWords: neither a handler that does not
// heed its context nor a full pipe can hold it.
func (app App) stdio(ctx context.Context, parts Parts, log *slog.Logger, flush func(), stdin io.Reader, stdout io.Writer) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	lines := newLines(ctx, end, stdin, stdout)
	defer leaveInTime(ctx, lines.eof, log, flush)()

	hooks := &server.Hooks{}
	hooks.AddOnRequestInitialization(lines.requests.begin)
	s := server.NewStdioServer(app.server(parts, log, hooks))
	s.SetErrorLogger(slog.NewLogLogger(log.Handler(), slog.LevelError))
	server.WithWorkerPoolSize(workers)(s)
	server.WithQueueSize(queue)(s)
	err := s.Listen(lines.aside.Within(ctx), lines, lines)
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// leaveInTime ends the process when serving is not over lastWords after its end
// has begun. The function that it returns says that serving is over.
func leaveInTime(ctx, eof context.Context, log *slog.Logger, flush func()) (over func()) {
	left := make(chan struct{})
	go func() {
		select {
		case <-ctx.Done():
		case <-eof.Done():
		case <-left:
			return
		}
		select {
		case <-left:
		case <-time.After(lastWords):
			log.LogAttrs(context.WithoutCancel(ctx), slog.LevelWarn, "calls still running at the end were left behind")
			flush()
			os.Exit(ExitOK)
		}
	}()
	return func() { close(left) }
}
