package serve

import (
	"context"
	"log/slog"
	"net"
	"time"

	"github.com/mark3labs/mcp-go/server"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/web"
)

// probePatience is how long the sources may take to say whether they answer: a
// probe waits for it.
const probePatience = 5 * time.Second

// http serves over HTTP at an address until ctx ends.
func (app App) http(ctx context.Context, address string, parts Parts, log *slog.Logger) error {
	var names []string
	for _, t := range parts.Tools {
		names = append(names, t.Spec.Name)
	}
	metrics := web.NewMetrics(names)
	mcp := app.server(parts, log, &server.Hooks{})
	mcp.Use(metrics.Count)
	return web.Serve(ctx, mcp, web.Options{
		Addr: address, Token: app.Common.HTTPToken.Reveal(), CallTimeout: app.Common.CallTimeout, Metrics: metrics, Log: log,
		Health: web.NewHealth(func(ctx context.Context) []fault.Source {
			return askAll(ctx, min(probePatience, app.Common.CallTimeout), parts.Checks)
		}),
		Listening: func(a net.Addr) {
			log.LogAttrs(ctx, slog.LevelInfo, "serving MCP over HTTP", slog.String("url", "http://"+a.String()+"/mcp"))
		},
	})
}
