package release

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"payops-mcp/sandbox/host"
)

// bundles holds, for each server, what its manifest says beside what is the same
// for all or comes from the server itself: names, words, and what its user is asked.
//
//go:embed bundles
var bundles embed.FS

// manifestVersion is that of the format whose binary servers Claude Desktop runs.
const manifestVersion = "0.3"

// manifest is manifest.json of a bundle.
type manifest struct {
	ManifestVersion string            `json:"manifest_version"`
	Name            string            `json:"name"`
	DisplayName     string            `json:"display_name"`
	Version         string            `json:"version"`
	Description     string            `json:"description"`
	Long            string            `json:"long_description"`
	Author          map[string]string `json:"author"`
	Server          manifestServer    `json:"server"`
	Tools           []manifestTool    `json:"tools"`
	ToolsGenerated  bool              `json:"tools_generated"`
	Prompts         bool              `json:"prompts_generated"`
	Keywords        []string          `json:"keywords"`
	Compatibility   map[string]any    `json:"compatibility"`
	UserConfig      map[string]asked  `json:"user_config"`
}

type manifestServer struct {
	Type       string         `json:"type"`
	EntryPoint string         `json:"entry_point"`
	Config     manifestConfig `json:"mcp_config"`
}

type manifestConfig struct {
	Command   string                    `json:"command"`
	Args      []string                  `json:"args"`
	Env       map[string]string         `json:"env"`
	Overrides map[string]manifestConfig `json:"platform_overrides,omitempty"`
}

type manifestTool struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

// asked is a setting that the user is asked for; its key in user_config is the
// setting's name in lower case.
type asked struct {
	Type        string `json:"type"`
	Title       string `json:"title"`
	Description string `json:"description"`
	Required    bool   `json:"required"`
	Sensitive   bool   `json:"sensitive,omitempty"`
	Default     any    `json:"default"`
}

// about is a file of bundles.
type about struct {
	DisplayName string           `json:"display_name"`
	Description string           `json:"description"`
	Long        string           `json:"long_description"`
	Keywords    []string         `json:"keywords"`
	Settings    map[string]asked `json:"settings"` // by the setting's name
}

// launch starts the program of the processor that it runs on: hosts may have lost
// the bit that makes a file executable.
const launch = `#!/bin/sh
dir=$(dirname "$0")
case $(uname -m) in
    aarch64 | arm64) program=$dir/arm64/%[1]s ;;
    *) program=$dir/amd64/%[1]s ;;
esac
chmod +x "$program" 2>/dev/null
exec "$program" "$@"
`

// bundle packs a server for Claude Desktop on every system.
func bundle(ctx context.Context, server, version string, built map[Target]map[string][]byte) ([]byte, error) {
	m, err := describe(ctx, server, version, built[here()][server])
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, err
	}
	mac, err := universal(built[Target{"darwin", "amd64"}][server], built[Target{"darwin", "arm64"}][server])
	if err != nil {
		return nil, err
	}
	return zipped([]entry{
		{"manifest.json", 0o644, append(text, '\n')},
		{"server/darwin/" + server, 0o755, mac},
		{"server/linux/launch.sh", 0o755, fmt.Appendf(nil, launch, server)},
		{"server/linux/amd64/" + server, 0o755, built[Target{"linux", "amd64"}][server]},
		{"server/linux/arm64/" + server, 0o755, built[Target{"linux", "arm64"}][server]},
		// Windows on arm64 runs it, too.
		{"server/win32/" + server + ".exe", 0o755, built[Target{"windows", "amd64"}][server]},
	})
}

// describe makes the manifest; the tools are what the server itself lists.
func describe(ctx context.Context, server, version string, executable []byte) (manifest, error) {
	var a about
	text, err := bundles.ReadFile("bundles/" + server + ".json")
	if err != nil {
		return manifest{}, err
	}
	if err := json.Unmarshal(text, &a); err != nil {
		return manifest{}, fmt.Errorf("bundles/%s.json: %w", server, err)
	}
	tools, err := listed(ctx, server, executable)
	if err != nil {
		return manifest{}, err
	}
	start := func(command string, args ...string) manifestConfig {
		return manifestConfig{Command: command, Args: append([]string{}, args...), Env: map[string]string{}}
	}
	config := start("${__dirname}/server/darwin/" + server)
	userConfig := map[string]asked{}
	for name, question := range a.Settings {
		key := strings.ToLower(name)
		config.Env[name] = "${user_config." + key + "}"
		userConfig[key] = question
	}
	windows, linux := start("${__dirname}/server/win32/"+server+".exe"), start("/bin/sh", "${__dirname}/server/linux/launch.sh")
	windows.Env, linux.Env = config.Env, config.Env
	config.Overrides = map[string]manifestConfig{"win32": windows, "linux": linux}
	return manifest{
		ManifestVersion: manifestVersion, Name: server, DisplayName: a.DisplayName, Version: plain(version),
		Description: a.Description, Long: a.Long, Author: map[string]string{"name": "payops-mcp"},
		Server: manifestServer{Type: "binary", EntryPoint: "server/darwin/" + server, Config: config},
		Tools:  tools, Prompts: true, Keywords: a.Keywords,
		Compatibility: map[string]any{"platforms": []string{"darwin", "win32", "linux"}}, UserConfig: userConfig,
	}, nil
}

// listed asks a server, started with nothing set, which tools it has.
func listed(ctx context.Context, server string, executable []byte) (tools []manifestTool, err error) {
	dir, err := os.MkdirTemp("", "payops-release-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, program(server, here().OS))
	if err := os.WriteFile(path, executable, 0o700); err != nil { //nolint:gosec // it is to be run
		return nil, err
	}
	s, err := host.Start(ctx, server, path, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	list, err := s.Tools(ctx)
	for _, t := range list {
		tools = append(tools, manifestTool{t.Name, t.Description})
	}
	return tools, err
}
