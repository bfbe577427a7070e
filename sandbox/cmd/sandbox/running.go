package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"payops-mcp/sandbox/incident"
	"payops-mcp/sandbox/stack"
)

// running is the file through which the commands know the system that is up.
type running struct {
	Environment map[string]string            `json:"environment"`
	Incidents   map[string]incident.Injected `json:"incidents"` // by id, those that last
}

func runningFile() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no place to note what is running: %w", err)
	}
	return filepath.Join(dir, "payops-mcp", "running.json"), nil
}

// note keeps that a system is up, until the function that it returns is called: the last
// one that was started is the one the commands know.
func note(s *stack.Stack) (forget func() error, err error) {
	r := running{Environment: environment(s)}
	return r.forget, remember(r)
}

func remember(r running) error {
	path, err := runningFile()
	if err != nil {
		return err
	}
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	// It holds passwords of a system that is gone with its file.
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// recall reads what was remembered, nothing where that is nothing.
func recall() (r running, err error) {
	path, err := runningFile()
	if err != nil {
		return r, err
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(data, &r)
}

// forget leaves alone what was started since.
func (r running) forget() error {
	now, err := recall()
	if err != nil || !maps.Equal(now.Environment, r.Environment) {
		return err
	}
	path, err := runningFile()
	if err != nil {
		return err
	}
	return os.Remove(path)
}

// attach finds the system that is up: the one the environment describes, else
// the one that up or demo started.
func attach() (*stack.Stack, running, error) {
	r, err := recall()
	if err != nil {
		return nil, r, err
	}
	// Never some of the one and some of the other: the second may still be
	// noted, and be of quite different parts.
	get := os.Getenv
	if !stack.Attached(get) {
		get = func(name string) string { return r.Environment[name] }
	}
	if !stack.Attached(get) {
		return nil, r, errors.New("no system is up; start one with: go run ./sandbox/cmd/sandbox up")
	}
	s, err := stack.Attach(get)
	return s, r, err
}
