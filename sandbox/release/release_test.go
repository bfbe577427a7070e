package release

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
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"payops-mcp/sandbox/binaries"
)

func made(t *testing.T, targets ...Target) (dir string, names []string) {
	t.Helper()
	root, err := binaries.Workspace()
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	names, err = Make(t.Context(), Options{Root: root, Out: dir, Version: "v9.8.7-test", Targets: targets, Say: t.Logf})
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

// TestAnArchive makes what is for this machine twice: the same bytes both times,
// checksums that fit, programs that run and know their version.
func TestAnArchive(t *testing.T) {
	dir, names := made(t, here())
	again, _ := made(t, here())
	if len(names) != 2 || names[1] != "SHA256SUMS" {
		t.Fatalf("made %v", names)
	}
	data := read(t, dir, names[0])
	if !bytes.Equal(data, read(t, again, names[0])) {
		t.Errorf("%s differs from build to build", names[0])
	}
	if want := fmt.Sprintf("%x  %s\n", sha256.Sum256(data), names[0]); string(read(t, dir, "SHA256SUMS")) != want {
		t.Errorf("SHA256SUMS is not %s", want)
	}
	root, err := binaries.Workspace()
	if err != nil {
		t.Fatal(err)
	}
	programs, documents := unpacked(t, dir, names)
	linksLead(t, documents)
	for name, program := range programs {
		out, err := exec.Command(program, "--version").Output()
		if err != nil || !strings.HasSuffix(strings.TrimSpace(string(out)), " v9.8.7-test") {
			t.Errorf("%s --version: %q %v", name, out, err)
		}
		if bytes.Contains(read(t, program), []byte(root)) {
			t.Errorf("%s holds a path of this machine", name)
		}
	}
}

// TestABundle packs the servers of this machine, and for the other systems small
// programs in place of them: to build all of them takes minutes.
func TestABundle(t *testing.T) {
	small := func(target Target) []byte {
		dir := t.TempDir()
		source := filepath.Join(dir, "main.go")
		if err := os.WriteFile(source, []byte("package main\n\nfunc main() { println(\"small\") }\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, "small"), source)
		cmd.Env = append(os.Environ(), "GOOS="+target.OS, "GOARCH="+target.Arch, "CGO_ENABLED=0", "GOFLAGS=")
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
		return read(t, dir, "small")
	}
	programs := map[Target][]byte{}
	for _, target := range Targets {
		programs[target] = []byte("a program for " + target.OS + "/" + target.Arch)
		if target.OS == "darwin" {
			programs[target] = small(target)
		}
	}
	for _, server := range binaries.Servers() {
		t.Run(server, func(t *testing.T) {
			path, err := binaries.Path(server)
			if err != nil {
				t.Fatal(err)
			}
			built := map[Target]map[string][]byte{}
			for target, data := range programs {
				built[target] = map[string][]byte{server: data}
			}
			built[here()] = map[string][]byte{server: read(t, path)}
			if !complete(built) {
				t.Error("not complete")
			}
			data, err := bundle(t.Context(), server, "v9.8.7-test", built)
			if err != nil {
				t.Fatal(err)
			}
			judgeBundle(t, written(t, "bundle.mcpb", data), server)
		})
	}
}

// link is one to a file, in Markdown.
var link = regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)

// linksLead looks for links of documents to what the archive does not have.
func linksLead(t *testing.T, documents map[string][]byte) {
	t.Helper()
	links := 0
	for name, data := range documents {
		for _, m := range link.FindAllSubmatch(data, -1) {
			links++
			if to := path.Join(path.Dir(name), string(m[1])); documents[to] == nil {
				t.Errorf("%s links to %s, which is not in the archive", name, to)
			}
		}
	}
	if links == 0 {
		t.Error("no document has a link")
	}
}

// unpacked unpacks the archive for this machine and returns its programs by name,
// and what stands in the other files.
func unpacked(t *testing.T, dir string, names []string) (programs map[string]string, documents map[string][]byte) {
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
	programs, documents = map[string]string{}, map[string][]byte{}
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
		} else {
			_, inside, _ := strings.Cut(h.Name, "/")
			documents[inside] = data
		}
	}
	if len(programs) != 3 {
		t.Errorf("%d programs in %s", len(programs), names[at])
	}
	return programs, documents
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
	if err := judgeManifest(files["manifest.json"]); err != nil {
		t.Errorf("the manifest is none by the format: %v", err)
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
	os.Exit(binaries.Main(m))
}

func TestVersions(t *testing.T) {
	for _, v := range []string{"", "1.2.3", "v1.2", "v1.2.3 ", "v1.2.3/x"} {
		if _, err := Make(t.Context(), Options{Version: v, Out: t.TempDir(), Say: t.Logf}); err == nil || !strings.Contains(err.Error(), "want one like v1.2.3") {
			t.Errorf("%q: %v", v, err)
		}
	}
}
