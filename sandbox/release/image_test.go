package release

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"payops-mcp/sandbox/binaries"
)

// No test starts Docker. What it would do with our Dockerfile is little: this reads it,
// refuses what it does not understand, and does the same.

// step is an instruction of a Dockerfile.
type step struct{ word, rest string }

// stage is what is from one FROM to the next.
type stage struct {
	from  string
	steps []step
}

// stages reads the Dockerfile; the one that is built from is the stage of its name.
func stages(t *testing.T, root string) map[string]stage {
	t.Helper()
	text := strings.ReplaceAll(string(read(t, root, "Dockerfile")), "\\\n", "")
	all, name := map[string]stage{}, ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "", "#":
			continue
		case "FROM":
			from, as, found := strings.Cut(rest, " AS ")
			if _, twice := all[as]; !found || twice || strings.Contains(rest, "--") {
				t.Fatalf("no test understands %s", line)
			}
			all[as] = stage{from: from}
			name = as
		case "ENV", "RUN", "WORKDIR", "COPY", "ARG", "USER", "ENTRYPOINT":
			if strings.Contains(rest, "<<") || strings.HasPrefix(rest, "--") && !strings.HasPrefix(rest, "--from=") {
				t.Fatalf("no test understands %s", line)
			}
			all[name] = stage{all[name].from, append(all[name].steps, step{word, rest})}
		default:
			t.Fatalf("no test understands %s", line)
		}
	}
	return all
}

// copied are the files of a COPY, by where they are to be; from is empty for those of
// the context.
func copied(rest string) (from string, files map[string]string) {
	words := strings.Fields(rest)
	if f, found := strings.CutPrefix(words[0], "--from="); found {
		from, words = f, words[1:]
	}
	files = map[string]string{}
	to := words[len(words)-1]
	for _, source := range words[:len(words)-1] {
		switch {
		case strings.HasSuffix(source, "/"): // what is in the folder, not the folder
			files[path.Clean(to)] = path.Clean(source)
		case strings.HasSuffix(to, "/"):
			files[to+path.Base(source)] = source
		default:
			files[to] = source
		}
	}
	return from, files
}

// ignored returns what .dockerignore keeps out of the context.
func ignored(t *testing.T, root string) func(name string) bool {
	t.Helper()
	var top, anywhere []string
	for line := range strings.Lines(string(read(t, root, ".dockerignore"))) {
		line = strings.TrimSpace(line)
		name, deep := strings.CutPrefix(line, "**/")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.ContainsAny(name, "*?[!/\\"):
			t.Fatalf("no test understands %s in .dockerignore", line)
		case deep:
			anywhere = append(anywhere, name)
		default:
			top = append(top, name)
		}
	}
	return func(name string) bool {
		folders := strings.Split(name, "/")
		return slices.Contains(top, folders[0]) || slices.ContainsFunc(folders, func(f string) bool { return slices.Contains(anywhere, f) })
	}
}

// TestTheImages reads what each image is: the program and the certificates that it
// needs to call over TLS, nothing else, started directly, by nobody in particular.
func TestTheImages(t *testing.T) {
	root, err := binaries.Workspace()
	if err != nil {
		t.Fatal(err)
	}
	all := stages(t, root)
	for _, server := range binaries.Servers() {
		s, found := all[server]
		if !found {
			t.Errorf("there is no stage %s", server)
			continue
		}
		steps := s.steps
		for s.from != "scratch" {
			base, found := all[s.from]
			if !found {
				t.Fatalf("%s stands on %s", server, s.from)
			}
			s, steps = base, slices.Concat(base.steps, steps)
		}
		holds, user, entry := map[string]string{}, "", ""
		for _, x := range steps {
			switch x.word {
			case "COPY":
				from, files := copied(x.rest)
				for to, source := range files {
					holds[to] = from + ":" + source
				}
			case "USER":
				user = x.rest
			case "ENTRYPOINT":
				entry = x.rest
			default:
				t.Errorf("%s: what is %s for?", server, x.word)
			}
		}
		// The second is where Go looks first.
		want := map[string]string{"/" + server: "build:/out/" + server, "/etc/ssl/certs/ca-certificates.crt": "build:/etc/ssl/certs/ca-certificates.crt"}
		if !maps.Equal(holds, want) {
			t.Errorf("%s holds %v, want %v", server, holds, want)
		}
		var command []string
		if err := json.Unmarshal([]byte(entry), &command); err != nil || !slices.Equal(command, []string{"/" + server}) {
			t.Errorf("%s: there is no shell to start %s with; want [%q]", server, entry, "/"+server)
		}
		// Names would be looked up in a file that is not there.
		for id := range strings.SplitSeq(user, ":") {
			if n, err := strconv.Atoi(id); err != nil || n <= 0 {
				t.Errorf("%s runs as %q", server, user)
			}
		}
	}
}

// TestTheImagesAreBuilt does what the stage build does, but for what it fetches: with
// the files that Docker would be given, there are programs that need no other file.
func TestTheImagesAreBuilt(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the commands of a Dockerfile want a shell")
	}
	root, err := binaries.Workspace()
	if err != nil {
		t.Fatal(err)
	}
	build := stages(t, root)["build"]
	// The image does not fetch a newer Go.
	wants := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(read(t, root, "go.work"))
	if wants == nil || build.from != "golang:"+string(wants[1])+"-alpine" {
		t.Errorf("%s is to build what wants %s", build.from, wants)
	}
	var certificates bool
	work, out := t.TempDir(), t.TempDir()
	environ := append(os.Environ(), "GOOS=linux", "GOFLAGS=", "GOWORK=", "CGO_ENABLED=")
	kept := ignored(t, root)
	for _, x := range build.steps {
		switch x.word {
		case "ENV":
			environ = append(environ, strings.Fields(x.rest)...)
		case "ARG":
			if x.rest != "VERSION=devel" {
				t.Errorf("no test understands ARG %s", x.rest)
			}
			environ = append(environ, "VERSION=v9.8.7-test")
		case "WORKDIR":
			if x.rest != "/src" {
				t.Errorf("no test understands WORKDIR %s", x.rest)
			}
		case "COPY":
			from, files := copied(x.rest)
			if from != "" {
				t.Errorf("no test understands COPY %s", x.rest)
			}
			for to, source := range files {
				fill(t, root, source, filepath.Join(work, to), kept)
			}
		case "RUN":
			switch {
			case strings.HasPrefix(x.rest, "apk add "):
				certificates = slices.Contains(strings.Fields(x.rest), "ca-certificates")
			case strings.Contains(x.rest, "go mod download"): // they are here
			default:
				cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", strings.ReplaceAll(x.rest, "/out/", out+"/"))
				cmd.Dir, cmd.Env = work, environ
				if said, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("%s: %v\n%s", x.rest, err, said)
				}
			}
		}
	}
	if !certificates {
		t.Error("there are no certificates to copy")
	}
	for _, server := range binaries.Servers() {
		standsAlone(t, filepath.Join(out, server))
		if runtime.GOOS != "linux" {
			continue
		}
		if said, err := exec.CommandContext(t.Context(), filepath.Join(out, server), "--version").CombinedOutput(); err != nil || !bytes.HasSuffix(bytes.TrimSpace(said), []byte(" v9.8.7-test")) {
			t.Errorf("%s --version: %s %v", server, said, err)
		}
	}
}

// fill copies a file or a folder as it is in the context.
func fill(t *testing.T, root, source, to string, ignored func(string) bool) {
	t.Helper()
	some := false
	err := filepath.WalkDir(filepath.Join(root, source), func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		if ignored(filepath.ToSlash(name)) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		inside, err := filepath.Rel(filepath.Join(root, source), file)
		if err != nil || d.IsDir() {
			return err
		}
		some = true
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(to, inside)), 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, inside), data, 0o600)
	})
	if err != nil || !some {
		t.Fatalf("there is nothing to copy at %s: %v", source, err)
	}
}

// standsAlone looks for what an image from scratch does not have: a loader and libraries.
func standsAlone(t *testing.T, program string) {
	t.Helper()
	f, err := elf.Open(program)
	if err != nil {
		t.Error(err)
		return
	}
	defer f.Close()
	if slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		t.Errorf("%s wants a loader", filepath.Base(program))
	}
	if libraries, err := f.ImportedLibraries(); err != nil || len(libraries) > 0 {
		t.Errorf("%s wants libraries: %v %v", filepath.Base(program), libraries, err)
	}
}
