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
	"io/fs"
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

// TestTheTargets holds what is released to what the documents promise.
func TestTheTargets(t *testing.T) {
	var want []Target
	for _, system := range []string{"linux", "darwin", "windows"} {
		for _, processor := range []string{"amd64", "arm64"} {
			want = append(want, Target{system, processor})
		}
	}
	if !slices.Equal(Targets, want) {
		t.Errorf("%v are released, want %v", Targets, want)
	}
}

// standIns are the servers of this machine, and for the other systems small programs
// in place of them: to build all of them takes minutes.
func standIns(t *testing.T) map[Target]map[string][]byte {
	t.Helper()
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
	built := map[Target]map[string][]byte{}
	for _, target := range Targets {
		built[target] = map[string][]byte{}
		var program []byte
		if target.OS == "darwin" { // the processor is read from the program
			program = small(target)
		}
		for _, server := range binaries.Servers() {
			built[target][server] = program
			if program == nil {
				built[target][server] = fmt.Appendf(nil, "#!/bin/sh\nprintf '%%s|' %s %s-%s $$ \"$@\"\n", server, target.OS, target.Arch)
			}
		}
	}
	return built
}

// TestARelease packs everything for everybody: an archive for each target, a bundle
// for each server, each with its line in SHA256SUMS.
func TestARelease(t *testing.T) {
	root, err := binaries.Workspace()
	if err != nil {
		t.Fatal(err)
	}
	const version = "v9.8.7-test"
	built := standIns(t)
	launched := map[string][]byte{} // the programs that launch.sh chooses from
	for _, server := range binaries.Servers() {
		for _, processor := range []string{"amd64", "arm64"} {
			launched[processor+"/"+server] = built[Target{"linux", processor}][server]
		}
		path, err := binaries.Path(server)
		if err != nil {
			t.Fatal(err)
		}
		built[here()][server] = read(t, path)
	}
	dir := t.TempDir()
	names, err := pack(t.Context(), Options{Root: root, Out: dir, Version: version, Say: t.Logf}, built)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, server := range binaries.Servers() {
		want = append(want, server+"-"+version+".mcpb")
	}
	for _, target := range Targets {
		ending := ".tar.gz"
		if target.OS == "windows" {
			ending = ".zip"
		}
		want = append(want, "payops-mcp-"+version+"-"+target.OS+"-"+target.Arch+ending)
	}
	slices.Sort(want)
	if !slices.Equal(names, append(want, "SHA256SUMS")) {
		t.Errorf("made %v, want %v", names, want)
	}
	var sums strings.Builder
	for _, name := range want {
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(read(t, dir, name)), name)
	}
	if got := string(read(t, dir, "SHA256SUMS")); got != sums.String() {
		t.Errorf("SHA256SUMS is\n%s, want\n%s", got, &sums)
	}
	for _, target := range Targets {
		t.Run(target.OS+"/"+target.Arch, func(t *testing.T) {
			judgeArchive(t, dir, "payops-mcp-"+version+"-"+target.OS+"-"+target.Arch, target, built[target])
		})
	}
	for _, server := range binaries.Servers() {
		t.Run(server, func(t *testing.T) {
			name := server + "-" + version + ".mcpb"
			judgeBundle(t, filepath.Join(dir, name), server)
			again, err := bundle(t.Context(), server, version, built)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(again, read(t, dir, name)) {
				t.Errorf("%s differs from time to time", name)
			}
			launches(t, filepath.Join(dir, name), server, launched)
		})
	}
}

// judgeArchive looks for the programs, as they were built and such that they can be
// started, and for the documents.
func judgeArchive(t *testing.T, dir, stem string, target Target, programs map[string][]byte) {
	t.Helper()
	files, modes := map[string][]byte{}, map[string]fs.FileMode{}
	if target.OS == "windows" {
		files, modes = unzipped(t, filepath.Join(dir, stem+".zip"))
	} else {
		untar(t, read(t, dir, stem+".tar.gz"), func(h *tar.Header, data []byte) {
			files[h.Name], modes[h.Name] = data, h.FileInfo().Mode()
		})
	}
	for server, program := range programs {
		name := stem + "/" + server
		if target.OS == "windows" {
			name += ".exe"
		}
		if data, found := files[name]; !found || !bytes.Equal(data, program) || modes[name] != 0o755 {
			t.Errorf("%s is not the program: %d bytes of %d, mode %v", name, len(data), len(program), modes[name])
		}
	}
	for _, document := range []string{"README.md", "README.ko.md", "docs/scenarios.md", "shared/catalog/catalog.json"} {
		if name := stem + "/" + document; len(files[name]) == 0 || modes[name] != 0o644 {
			t.Errorf("%s is missing", name)
		}
	}
	for name := range files {
		if _, inside, _ := strings.Cut(name, "/"); !strings.HasPrefix(name, stem+"/") || strings.HasPrefix(inside, "/") || strings.Contains(inside, "..") {
			t.Errorf("%s would be unpacked outside of %s", name, stem)
		}
	}
}

// launches starts launch.sh of a bundle as a host on Linux does, on processors that
// uname tells of. Some hosts unpack without the bit that makes a file executable.
func launches(t *testing.T, bundle, server string, programs map[string][]byte) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("launch.sh wants a shell")
	}
	files, _ := unzipped(t, bundle)
	dir := filepath.Join(t.TempDir(), "Claude Extensions")
	machine := filepath.Join(t.TempDir(), "uname")
	for name, data := range map[string][]byte{
		"launch.sh": files["server/linux/launch.sh"], "amd64/" + server: programs["amd64/"+server], "arm64/" + server: programs["arm64/"+server],
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(machine, []byte("#!/bin/sh\necho $MACHINE\n"), 0o700); err != nil { //nolint:gosec // it is to be run
		t.Fatal(err)
	}
	for name, processor := range map[string]string{"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"} {
		cmd := exec.CommandContext(t.Context(), "/bin/sh", filepath.Join(dir, "launch.sh"), "--tools", "two words")
		cmd.Env = append(os.Environ(), "MACHINE="+name, "PATH="+filepath.Dir(machine)+string(filepath.ListSeparator)+os.Getenv("PATH"))
		said, err := cmd.CombinedOutput()
		// It is the process that the host ends, not a child of it.
		if want := fmt.Sprintf("%s|linux-%s|%d|--tools|two words|", server, processor, cmd.Process.Pid); err != nil || string(said) != want {
			t.Errorf("on %s: %q, want %q; %v", name, said, want, err)
		}
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
	programs, documents = map[string]string{}, map[string][]byte{}
	untar(t, read(t, dir, names[at]), func(h *tar.Header, data []byte) {
		if h.Mode&0o111 != 0 {
			name := filepath.Base(h.Name)
			programs[name] = written(t, name, data)
		} else {
			_, inside, _ := strings.Cut(h.Name, "/")
			documents[inside] = data
		}
	})
	if len(programs) != 3 {
		t.Errorf("%d programs in %s", len(programs), names[at])
	}
	return programs, documents
}

// untar has each see every file of a tar.gz.
func untar(t *testing.T, packed []byte, each func(*tar.Header, []byte)) {
	t.Helper()
	gz, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(gz); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		each(h, data)
	}
}

// unzipped returns the files of a zip, and their modes.
func unzipped(t *testing.T, path string) (files map[string][]byte, modes map[string]fs.FileMode) {
	t.Helper()
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	files, modes = map[string][]byte{}, map[string]fs.FileMode{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if files[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		modes[f.Name] = f.Mode()
	}
	return files, modes
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
	t.Helper()
	files, _ := unzipped(t, path)
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
