// Command floor is the least that an MCP server made with mcp-go can be: the
// library's defaults and two trivial tools. The benchmarks measure the servers
// against it, built in the same way.
package main

import (
	"context"
	"io"
	"net/http"
	"os"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// getURL names the setting that says what the tool get asks for.
const getURL = "FLOOR_GET_URL"

func main() {
	s := server.NewMCPServer("floor", "1")
	s.AddTool(mcp.NewTool("ok"), ok)
	s.AddTool(mcp.NewTool("get"), get)
	if err := server.ServeStdio(s); err != nil {
		os.Exit(1)
	}
}

// ok answers at once.
func ok(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	return mcp.NewToolResultText("ok"), nil
}

// get answers with what one HTTP GET brought.
func get(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, os.Getenv(getURL), nil)
	if err != nil {
		return mcp.NewToolResultError(err.Error()), nil
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return mcp.NewToolResultError(err.Error()), nil
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return mcp.NewToolResultError(err.Error()), nil
	}
	return mcp.NewToolResultText(string(body)), nil
}
