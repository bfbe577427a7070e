package main

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"payops-mcp/sandbox/gameday"
	"payops-mcp/sandbox/stack"
	"payops-mcp/sandbox/stack/stacktest"
)

// rehearsal is a place of its own for what the commands note, and a system of Redis
// alone that they find.
func rehearsal(t *testing.T) (s *stack.Stack, file string) {
	t.Helper()
	s = stacktest.Start(t, stack.PartRedis)
	home := t.TempDir()
	for _, name := range []string{"HOME", "XDG_CACHE_HOME", "LocalAppData"} {
		t.Setenv(name, home)
	}
	env := s.AdminEnv()
	maps.Copy(env, s.Env())
	for name, value := range env {
		t.Setenv(name, value)
	}
	running, err := runningFile()
	if err != nil {
		t.Fatal(err)
	}
	return s, filepath.Join(filepath.Dir(running), "gameday")
}

// begin begins a rehearsal and returns when something is broken.
func begin(t *testing.T, file string, args ...string) (stop func(), ended chan error) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	ended = make(chan error, 1)
	go func() { ended <- rehearse(ctx, args) }()
	stacktest.Works(t, "something to be broken", func(context.Context) error {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("it ended at once: %v", err)
		default:
		}
		_, err := os.Stat(file)
		return err
	})
	return stop, ended
}

// Nothing that the commands leave behind tells what it is; whoever asks is told, and
// it can be repaired from elsewhere or by who began it.
func TestGameday(t *testing.T) {
	s, file := rehearsal(t)
	if err := rehearse(t.Context(), []string{"--reveal"}); !errors.Is(err, errNoGameday) {
		t.Errorf("before there was any: %v", err)
	}
	if err := rehearse(t.Context(), []string{"--end"}); !errors.Is(err, errNoGameday) {
		t.Errorf("before there was any: %v", err)
	}

	_, ended := begin(t, file, "--seed=7")
	secret, err := gameday.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(filepath.Dir(file), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.Contains(path+string(text), secret.Incident) {
			t.Errorf("%s tells what it is: %s", path, text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := rehearse(t.Context(), []string{"--seed=8"}); err == nil || !strings.Contains(err.Error(), "--end") {
		t.Errorf("a second one at the same time: %v", err)
	}
	if err := rehearse(t.Context(), []string{"--reveal"}); err != nil {
		t.Error(err)
	}
	if err := rehearse(t.Context(), []string{"--end"}); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("who began it: %v", err)
	}
	repaired(t, s, file)

	stop, ended := begin(t, file, "--seed=7")
	if again, err := gameday.Read(file); err != nil || again.Incident != secret.Incident {
		t.Errorf("the same seed breaks %s: %v", again.Incident, err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("after Ctrl-C: %v", err)
	}
	repaired(t, s, file)
}

// repaired makes sure that nothing is left.
func repaired(t *testing.T, s *stack.Stack, file string) {
	t.Helper()
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still noted: %v", err)
	}
	if err := s.Redis.Admin().Set(t.Context(), "rate:authorize:M-1", 1, 0).Err(); err != nil {
		t.Errorf("Redis is not as before: %v", err)
	}
	if err := s.Redis.Admin().Del(t.Context(), "rate:authorize:M-1").Err(); err != nil {
		t.Error(err)
	}
}
