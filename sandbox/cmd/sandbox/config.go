package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"payops-mcp/sandbox/binaries"
)

func config(ctx context.Context, _ []string) error {
	s, r, err := attach()
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }() // what was attached to goes on running
	programs, err := install(ctx, io.Discard)
	if err != nil {
		return err
	}
	values := settings(s)
	for k := range values {
		if v, ok := r.Environment[k]; ok {
			values[k] = v
		}
	}
	return printConfig(os.Stdout, programs, values)
}

// settingsOf tells which server a setting belongs to, by its beginning; the
// others belong to all.
var settingsOf = map[string][]string{
	binaries.CircuitBreaker: {"API_", "PROMETHEUS_", "KAFKA_"},
	binaries.DBQuery:        {"PAYMENT_DB_"},
	binaries.RedisCache:     {"REDIS_", "APP_RATE_LIMIT_"},
}

// printConfig writes the three server entries of claude_desktop_config.json.
func printConfig(w io.Writer, programs, values map[string]string) error {
	type entry struct {
		Command string            `json:"command"`
		Env     map[string]string `json:"env"`
	}
	servers := map[string]entry{}
	for _, name := range binaries.Servers() {
		e := entry{programs[name], map[string]string{}}
		for k, v := range values {
			for _, prefix := range settingsOf[name] {
				if strings.HasPrefix(k, prefix) {
					e.Env[k] = v
				}
			}
		}
		servers[name] = e
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(map[string]any{"mcpServers": servers})
}

// install builds the servers where a host can go on starting them. The names of
// packages as they are compiled go to log.
func install(ctx context.Context, log io.Writer) (map[string]string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(cache, "payops-mcp", "bin")
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // programs, for everybody
		return nil, err
	}
	args := []string{"build", "-v", "-o", dir + string(filepath.Separator)}
	programs := map[string]string{}
	for _, name := range binaries.Servers() {
		args = append(args, "payops-mcp/"+name)
		programs[name] = filepath.Join(dir, name)
		if runtime.GOOS == "windows" {
			programs[name] += ".exe"
		}
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	var said bytes.Buffer
	cmd.Stderr = io.MultiWriter(&said, log)
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("build the servers: %w\n%s", err, said.Bytes())
	}
	return programs, nil
}
