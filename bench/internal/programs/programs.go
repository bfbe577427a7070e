// Package programs builds what is measured, all in the same way and as releases
// are built: each module for itself, without C and stripped.
package programs

import (
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// flags are those of go build, of which a results file tells.
var flags = []string{"-trimpath", "-ldflags", "-s -w"}

// How tells in words how the programs were built.
const How = `CGO_ENABLED=0 GOWORK=off go build -trimpath -ldflags "-s -w"`

// Build builds the main packages of folders of the workspace, such as "bench/floor",
// into a folder. It returns their programs by the last part of the name.
func Build(ctx context.Context, into string, folders ...string) (map[string]string, error) {
	root, err := workspace(ctx)
	if err != nil {
		return nil, err
	}
	built := map[string]string{}
	for _, folder := range folders {
		name := filepath.Base(folder)
		program := filepath.Join(into, name)
		if runtime.GOOS == "windows" {
			program += ".exe"
		}
		cmd := exec.CommandContext(ctx, "go", slices.Concat([]string{"build", "-o", program}, flags, []string{"."})...)
		cmd.Dir = filepath.Join(root, filepath.FromSlash(folder))
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build %s: %w\n%s", folder, err, out)
		}
		built[name] = program
	}
	return built, nil
}

// workspace is the folder with go.work.
func workspace(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "env", "GOWORK")
	cmd.Env = append(os.Environ(), "GOWORK=")
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("look for go.work: %w", err)
	}
	file := strings.TrimSpace(string(out))
	if file == "" {
		return "", errors.New("no go.work in the working directory or above it: run this inside a clone of payops-mcp")
	}
	return filepath.Dir(file), nil
}

// Versions returns the versions of those of the modules that a program is linked
// with, as "path version".
func Versions(program string, modules ...string) ([]string, error) {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, m := range info.Deps {
		if slices.Contains(modules, m.Path) {
			found = append(found, m.Path+" "+m.Version)
		}
	}
	return found, nil
}

// Size returns the bytes of a program.
func Size(program string) (int64, error) {
	info, err := os.Stat(program)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
