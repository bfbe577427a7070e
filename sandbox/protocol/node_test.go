package protocol_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	// installTimeout bounds npm ci, which fetches about 140 packages.
	installTimeout = 5 * time.Minute
	// scriptTimeout bounds one script: a few starts of a server and a few calls.
	scriptTimeout = 2 * time.Minute
	// minNode is what the clients ask for.
	minNode = 22
)

// installation is where the packages of clients/package-lock.json are.
type installation struct {
	modules string // the node_modules folder
	node    string // the program
}

// node returns the installation, made by the first test that asks for it.
func node(t *testing.T) installation {
	t.Helper()
	in, err := installed()
	if err != nil {
		missing(t, "the clients cannot run: %v", err)
	}
	return in
}

var installed = sync.OnceValues(func() (installation, error) {
	dir, err := install()
	if err != nil {
		return installation{}, err
	}
	modules := filepath.Join(dir, "node_modules")
	program, err := findNode(modules)
	return installation{modules, program}, err
})

// install makes the packages stand in the user's cache, under a name that
// changes with the lock file, and returns the folder.
func install() (string, error) {
	lock, err := os.ReadFile("clients/package-lock.json")
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	cache = filepath.Join(cache, "payops-mcp")
	dir := filepath.Join(cache, fmt.Sprintf("clients-%x", sha256.Sum256(lock))[:len("clients-")+12])
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	// A half-done installation never bears the name, and two at the same time do not meet.
	temp, err := os.MkdirTemp(cache, "installing-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(temp)
	for _, name := range []string{"package.json", "package-lock.json", ".npmrc"} {
		if err := copyFile(filepath.Join("clients", name), filepath.Join(temp, name)); err != nil {
			return "", err
		}
	}
	if err := npmCI(temp); err != nil {
		return "", err
	}
	if err := os.Rename(temp, dir); err != nil {
		if _, missing := os.Stat(dir); missing != nil {
			return "", err
		}
	}
	return dir, nil
}

func npmCI(dir string) error {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return errors.New("npm is not on PATH; scripts/test installs it where it may")
	}
	ctx, cancel := context.WithTimeout(context.Background(), installTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, npm, "ci", "--loglevel=error")
	cmd.Dir = dir
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	return nil
}

// findNode prefers the Node that came with the packages, whose version is known.
func findNode(modules string) (string, error) {
	bundled, err := filepath.Glob(filepath.Join(modules, "node-*", "bin", "node"))
	if err != nil {
		return "", err
	}
	for _, program := range append(bundled, "node") {
		out, err := exec.Command(program, "--version").Output()
		if err != nil {
			continue // not for this machine, or not there
		}
		var major int
		if _, err := fmt.Sscanf(string(out), "v%d.", &major); err == nil && major >= minNode {
			return program, nil
		}
	}
	return "", fmt.Errorf("no Node of version %d or newer: none came with the packages for this kind of machine, none is on PATH", minNode)
}

// script runs a script and returns what it printed to stdout and to stderr.
func (in installation) script(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), scriptTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, in.node, args...)
	cmd.Env = append(os.Environ(), "OPENAI_AGENTS_DISABLE_TRACING=1")
	cmd.WaitDelay = time.Second
	var out, diagnostics bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diagnostics
	err = cmd.Run()
	return out.String(), diagnostics.String(), err
}

// clientFolder returns a folder with the client scripts and the packages they import.
func (in installation) clientFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	scripts, err := filepath.Glob("clients/*.mjs")
	if err != nil {
		t.Fatal(err)
	}
	for _, script := range scripts {
		if err := copyFile(script, filepath.Join(dir, filepath.Base(script))); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(in.modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o644)
}

// lines splits what a script printed.
func lines(s string) []string {
	return strings.Split(strings.TrimSpace(s), "\n")
}
