package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"payops-mcp/sandbox/binaries"
	"payops-mcp/sandbox/incident"
)

func config(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("config", flag.ContinueOnError)
	var names []string
	for _, f := range forms {
		names = append(names, fmt.Sprintf("%s (%s)", f.name, f.help))
	}
	wanted := fs.String("for", forms[0].name, "the `FORM` to print: "+strings.Join(names, ", "))
	only := fs.String("only", "", "print the entry of this `SERVER` alone")
	if err := fs.Parse(args); err != nil {
		return err
	}
	at := slices.IndexFunc(forms, func(f form) bool { return f.name == *wanted })
	if at < 0 || fs.NArg() > 0 {
		return fmt.Errorf("--for %q: want one of %s", strings.Join(append([]string{*wanted}, fs.Args()...), " "), strings.Join(names, ", "))
	}
	s, r, err := attach()
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }() // what was attached to goes on running
	programs, err := install(ctx, io.Discard)
	if err != nil {
		return err
	}
	values := incident.ServerSettings(s)
	for k := range values {
		if v, ok := r.Environment[k]; ok {
			values[k] = v
		}
	}
	all, err := entries(programs, values, *only)
	if err != nil {
		return err
	}
	return forms[at].write(os.Stdout, all)
}

// printConfig writes the three server entries of claude_desktop_config.json.
func printConfig(w io.Writer, programs, values map[string]string) error {
	all, err := entries(programs, values, "")
	if err != nil {
		return err
	}
	return printServers(w, all)
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
