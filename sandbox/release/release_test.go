package release_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/macho"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"payops-mcp/sandbox/binaries"
	"payops-mcp/sandbox/release"
)

func made(t *testing.T, targets ...release.Target) (dir string, names []string) {
	t.Helper()
	root, err := binaries.Workspace()
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	names, err = release.Make(t.Context(), release.Options{Root: root, Out: dir, Version: "v9.8.7-test", Targets: targets, Say: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	return dir, names
}

func read(t *testing.T, parts ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestARelease makes everything, and what is for this machine twice: the same bytes
// both times, checksums that fit, archives and bundles whose programs run here, and
// a bundle for macOS whose one program has a slice for each processor.
func TestARelease(t *testing.T) {
	first, names := made(t, release.Targets...)
	if len(names) != 6+3+1 {
		t.Errorf("made %v", names)
	}
	second, again := made(t, release.Target{OS: runtime.GOOS, Arch: runtime.GOARCH})
	if len(again) != 1+1 || !bytes.Equal(read(t, first, again[0]), read(t, second, again[0])) {
		t.Errorf("%v differs from build to build", again)
	}
	sums := string(read(t, first, "SHA256SUMS"))
	for _, name := range names {
		data := read(t, first, name)
		if line := fmt.Sprintf("%x  %s\n", sha256.Sum256(data), name); name != "SHA256SUMS" && !strings.Contains(sums, line) {
			t.Errorf("SHA256SUMS lacks %s", line)
		}
		if root, err := binaries.Workspace(); err != nil || bytes.Contains(data, []byte(root)) {
			t.Errorf("%s holds a path of this machine (%v)", name, err)
		}
	}
	t.Run("the archive of this machine", func(t *testing.T) {
		for name, program := range unpacked(t, first, names) {
			out, err := exec.Command(program, "--version").Output()
			if err != nil || !strings.HasSuffix(strings.TrimSpace(string(out)), " v9.8.7-test") {
				t.Errorf("%s --version: %q %v", name, out, err)
			}
		}
	})
	for _, server := range binaries.Servers() {
		t.Run("the bundle of "+server, func(t *testing.T) { judgeBundle(t, filepath.Join(first, server+"-v9.8.7-test.mcpb"), server) })
	}
}

// unpacked unpacks the archive for this machine and returns its programs by name.
func unpacked(t *testing.T, dir string, names []string) map[string]string {
	t.Helper()
	stem := "-" + runtime.GOOS + "-" + runtime.GOARCH + ".tar.gz"
	at := slices.IndexFunc(names, func(n string) bool { return strings.HasSuffix(n, stem) })
	if at < 0 {
		t.Skipf("no archive is released for %s/%s as tar.gz", runtime.GOOS, runtime.GOARCH)
	}
	gz, err := gzip.NewReader(bytes.NewReader(read(t, dir, names[at])))
	if err != nil {
		t.Fatal(err)
	}
	programs := map[string]string{}
	for r := tar.NewReader(gz); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(h.Name)
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if h.Mode&0o111 != 0 {
			programs[name] = written(t, name, data)
		}
	}
	if len(programs) != 3 {
		t.Errorf("%d programs in %s", len(programs), names[at])
	}
	return programs
}

func written(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o700); err != nil { //nolint:gosec // it is to be run
		t.Fatal(err)
	}
	return path
}

func judgeBundle(t *testing.T, path, server string) {
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	files := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if files[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	var m struct {
		Version string
		Server  struct {
			MCPConfig struct {
				Command   string
				Env       map[string]string
				Overrides map[string]struct {
					Command string
					Args    []string
				} `json:"platform_overrides"`
			} `json:"mcp_config"`
		}
		Tools      []struct{ Name string }
		UserConfig map[string]any `json:"user_config"`
	}
	if err := json.Unmarshal(files["manifest.json"], &m); err != nil {
		t.Fatal(err)
	}
	inside := func(path string) []byte {
		data := files[strings.TrimPrefix(path, "${__dirname}/")]
		if data == nil {
			t.Errorf("%s is not in the bundle", path)
		}
		return data
	}
	config := m.Server.MCPConfig
	fat, err := macho.NewFatFile(bytes.NewReader(inside(config.Command)))
	if err != nil {
		t.Fatal(err)
	}
	if len(fat.Arches) != 2 || fat.Arches[0].Cpu != macho.CpuAmd64 || fat.Arches[1].Cpu != macho.CpuArm64 {
		t.Errorf("slices: %+v", fat.Arches)
	}
	for _, a := range fat.Arches {
		if a.Offset%(1<<14) != 0 {
			t.Errorf("a slice begins at %d, which is within a page", a.Offset)
		}
	}
	inside(config.Overrides["win32"].Command)
	inside(config.Overrides["linux"].Args[0])
	if m.Version != "9.8.7-test" || len(m.Tools) == 0 {
		t.Errorf("%+v", m)
	}

	// What is asked of the user are settings of the server, and only asked ones are used.
	program, err := binaries.Path(server)
	if err != nil {
		t.Fatal(err)
	}
	help, err := exec.Command(program, "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	documented := strings.NewReplacer("_SHARDn", "_SHARD2").Replace(string(help))
	for name, value := range config.Env {
		key := strings.ToLower(name)
		if !strings.Contains(documented, "  "+name+" ") || value != "${user_config."+key+"}" || m.UserConfig[key] == nil {
			t.Errorf("%s=%s: no such setting, or nobody is asked for it", name, value)
		}
	}
	if len(config.Env) != len(m.UserConfig) {
		t.Errorf("%d settings, %d questions", len(config.Env), len(m.UserConfig))
	}
}

func TestMain(m *testing.M) {
	code := m.Run()
	if err := binaries.Remove(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func TestVersions(t *testing.T) {
	for _, v := range []string{"", "1.2.3", "v1.2", "v1.2.3 ", "v1.2.3/x"} {
		if _, err := release.Make(t.Context(), release.Options{Version: v, Out: t.TempDir(), Say: t.Logf}); err == nil || !strings.Contains(err.Error(), "want one like v1.2.3") {
			t.Errorf("%q: %v", v, err)
		}
	}
}
