package stack

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMissingSaysWhatToInstall(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Need{Name: "Imaginary server", Binary: []string{"imaginaryd", "imagined"}, Debian: "imaginary-server", Brew: "imaginary"}.find()
	if err == nil {
		t.Fatal("found a program that does not exist")
	}
	for _, want := range []string{"Imaginary server", "imaginaryd or imagined", "/usr/sbin", "apt-get install --no-install-recommends imaginary-server", "brew install imaginary"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}

func TestFindPrefersPATHAndTheBestName(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"imagined", "imaginaryd"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
	got, err := Need{Binary: []string{"imaginaryd", "imagined"}}.find()
	if err != nil || got != filepath.Join(dir, "imaginaryd") {
		t.Errorf("found %q, %v", got, err)
	}
}

// A name that no Need has would only be noticed when a part is started.
func TestEveryServerIsNeeded(t *testing.T) {
	for _, name := range []string{"mariadbd", "mariadb-install-db", "redis-server", "prometheus"} {
		known := false
		for _, n := range needs {
			known = known || n.Binary[0] == name && n.Debian != "" && n.Brew != "" && n.Part != 0
		}
		if !known {
			t.Errorf("no complete Need for %s", name)
		}
	}
}
