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
	lastWords = 2 * time.Second
)

// Server returns the MCP server for tools. Definitions never change while it
// runs, so clients may keep them.
func (app App) Server(tools []tool.Tool, log *slog.Logger) *server.MCPServer {
	s := server.NewMCPServer(app.Name, Version(),
		server.WithTitle(app.Title), server.WithDescription(app.Description), server.WithInstructions(app.Instructions),
		server.WithWebsiteURL("https://github.com/JWookLe/Payment_SWElite"),
		server.WithToolCapabilities(false),
		server.WithCacheHints(int64(time.Hour/time.Millisecond), mcp.CacheScopePublic),
	)
	limits := tool.Limits{Timeout: app.Common.CallTimeout, MaxBytes: app.Common.MaxResultBytes}
	for _, t := range tools {
		s.AddTools(t.Serve(limits, log))
	}
	return s
}

// stdio serves until stdin ends or ctx does. Either way the process is gone
// within lastWords: a handler that does not heed its context cannot hold it.
func (app App) stdio(ctx context.Context, tools []tool.Tool, log *slog.Logger, stdin io.Reader, stdout io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	lines := newLines(ctx, stdin, stdout)
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-ctx.Done():
		case <-lines.eof:
		}
		select {
		case <-ended:
		case <-time.After(lastWords):
			log.LogAttrs(context.Background(), slog.LevelWarn, "calls still running at the end were left behind")
			os.Exit(ExitOK)
		}
	}()
	s := server.NewStdioServer(app.Server(tools, log))
	s.SetErrorLogger(slog.NewLogLogger(log.Handler(), slog.LevelError))
	server.WithWorkerPoolSize(workers)(s)
	server.WithQueueSize(queue)(s)
	err := s.Listen(ctx, lines, lines)
	if errors.Is(err, context.Canceled) || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
