// Package release makes what people install: archives of the three servers for
// each system and processor, a Claude Desktop bundle (.mcpb) for each server, and
// the checksums of all. The same commit and version give the same bytes.
package release

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"payops-mcp/sandbox/binaries"
)

// Target is a system and a processor, in Go's words.
type Target struct{ OS, Arch string }

// Targets are those that are released.
var Targets = []Target{{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "amd64"}, {"darwin", "arm64"}, {"windows", "amd64"}, {"windows", "arm64"}}

// Options are what to make.
type Options struct {
	Root    string // of the clone
	Out     string // folder for the files, made if it is not there
	Version string // v1.2.3
	Targets []Target
	Say     func(format string, args ...any)
}

var version = regexp.MustCompile(`^v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`)

// Make builds everything and returns the names of the files, checksums last.
// Bundles need every target that one of them carries: they are left out where
// Targets lacks one.
func Make(ctx context.Context, o Options) ([]string, error) {
	if !version.MatchString(o.Version) {
		return nil, fmt.Errorf("the version is %q, want one like v1.2.3", o.Version)
	}
	if err := os.MkdirAll(o.Out, 0o755); err != nil {
		return nil, err
	}
	built := map[Target]map[string][]byte{} // target, program
	for _, t := range o.Targets {
		o.Say("building for %s/%s", t.OS, t.Arch)
		programs, err := build(ctx, o.Root, o.Version, t)
		if err != nil {
			return nil, err
		}
		built[t] = programs
	}
	return pack(ctx, o, built)
}

// pack makes the files of what was built.
func pack(ctx context.Context, o Options, built map[Target]map[string][]byte) ([]string, error) {
	read, err := documents(o.Root)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for t, programs := range built {
		name, data, err := archive(o.Version, t, programs, read)
		if err != nil {
			return nil, err
		}
		files[name] = data
	}
	if complete(built) {
		for _, server := range binaries.Servers() {
			o.Say("bundling %s", server)
			data, err := bundle(ctx, server, o.Version, built)
			if err != nil {
				return nil, fmt.Errorf("bundle of %s: %w", server, err)
			}
			files[server+"-"+o.Version+".mcpb"] = data
		}
	}
	return write(o.Out, files)
}

func complete(built map[Target]map[string][]byte) bool {
	return !slices.ContainsFunc(Targets, func(t Target) bool { return built[t] == nil })
}

// build compiles the three servers for a target: static, without paths of this
// machine and without what changes from build to build.
func build(ctx context.Context, root, version string, t Target) (map[string][]byte, error) {
	dir, err := os.MkdirTemp("", "payops-release-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	programs := map[string][]byte{}
	for _, server := range binaries.Servers() {
		out := filepath.Join(dir, server)
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid= -X payops-mcp/shared/serve.version="+version, "-o", out, ".")
		cmd.Dir = filepath.Join(root, server)
		cmd.Env = append(os.Environ(), "GOOS="+t.OS, "GOARCH="+t.Arch, "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=")
		if said, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build %s for %s/%s: %w\n%s", server, t.OS, t.Arch, err, said)
		}
		if programs[server], err = os.ReadFile(out); err != nil {
			return nil, err
		}
	}
	return programs, nil
}

// write writes the files and their checksums.
func write(dir string, files map[string][]byte) ([]string, error) {
	names := make([]string, 0, len(files)+1)
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	var sums bytes.Buffer
	for _, name := range names {
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(files[name]), name)
		if err := os.WriteFile(filepath.Join(dir, name), files[name], 0o644); err != nil {
			return nil, err
		}
	}
	const checksums = "SHA256SUMS"
	return append(names, checksums), os.WriteFile(filepath.Join(dir, checksums), sums.Bytes(), 0o644)
}

// here is the target of this machine.
func here() Target { return Target{runtime.GOOS, runtime.GOARCH} }

// program is the file name of a server on a system.
func program(server, system string) string {
	if system == "windows" {
		return server + ".exe"
	}
	return server
}

// plain is the version without its v.
func plain(version string) string { return strings.TrimPrefix(version, "v") }
