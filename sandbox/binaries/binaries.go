// Package binaries builds the three servers from the clone it is run in. The
// sandbox knows the servers only as programs that a host could start.
package binaries

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// The servers, by the names of their folders and programs.
const (
	CircuitBreaker = "circuitbreaker-mcp"
	DBQuery        = "dbquery-mcp"
	RedisCache     = "rediscache-mcp"
)

// Servers lists the servers.
func Servers() []string { return []string{CircuitBreaker, DBQuery, RedisCache} }

// Path returns the program of a server, an absolute path. The first call in a
// process builds all three into a temporary folder; the others find them
// there. What the go command said is in the error.
func Path(server string) (string, error) {
	if !slices.Contains(Servers(), server) {
		return "", fmt.Errorf("no server is called %q: want one of %s", server, strings.Join(Servers(), ", "))
	}
	dir, err := build()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, server+suffix()), nil
}

// Paths returns the programs of all servers, by their names, as Path does.
func Paths() (map[string]string, error) {
	all := map[string]string{}
	for _, server := range Servers() {
		var err error
		if all[server], err = Path(server); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Remove removes what Path built, if anything. Path fails afterwards, so it
// belongs at the end of main or TestMain.
func Remove() error {
	mu.Lock()
	defer mu.Unlock()
	removed = true
	if folder == "" {
		return nil
	}
	return os.RemoveAll(folder)
}

// Main is all that a TestMain needs to do: it runs the tests, ends what they share,
// and removes what Path built. It returns the exit code.
func Main(tests interface{ Run() int }, ends ...func() error) int {
	code := tests.Run()
	for _, end := range append(ends, Remove) {
		if err := end(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	return code
}

var (
	mu      sync.Mutex
	folder  string // where the programs are, once a build was tried
	failure error  // why they are not there
	removed bool
)

func build() (dir string, err error) {
	mu.Lock()
	defer mu.Unlock()
	switch {
	case removed:
		return "", errors.New("the servers that this process built are removed")
	case folder != "":
		return folder, failure
	}
	folder, failure = os.MkdirTemp("", "payops-bin-")
	if failure == nil {
		failure = compile(folder)
	}
	return folder, failure
}

// compile builds the servers into dir, in the workspace that the working
// directory lies in.
func compile(dir string) error {
	root, err := Workspace()
	if err != nil {
		return err
	}
	args := []string{"build", "-o", dir + string(filepath.Separator)}
	for _, s := range Servers() {
		args = append(args, "./"+s)
	}
	if _, err := goCommand(root, args...); err != nil {
		return fmt.Errorf("build the servers of %s: %w", root, err)
	}
	return nil
}

// Workspace returns the folder with go.work, the root of the clone that the working
// directory lies in.
func Workspace() (string, error) {
	file, err := goCommand("", "env", "GOWORK")
	if err != nil {
		return "", fmt.Errorf("look for go.work: %w", err)
	}
	if file == "" {
		return "", errors.New("no go.work in the working directory or above it: run this inside a clone of payops-mcp")
	}
	return filepath.Dir(file), nil
}

// goCommand runs the go command in dir, in workspace mode whatever the caller's
// GOWORK says, and returns what it printed.
func goCommand(dir string, args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", args[0], err, bytes.TrimSpace(stderr.Bytes()))
	}
	return strings.TrimSpace(string(out)), nil
}

func suffix() string {
	if runtime.GOOS == "windows" {
		return ".exe"
	}
	return ""
}
