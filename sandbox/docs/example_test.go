package docs_test

import (
	"regexp"
	"strings"
	"testing"
)

// volatile is what differs from one time to the next: addresses, times, durations.
var volatile = regexp.MustCompile(`127\.0\.0\.1:\d+|\d{4}-\d{2}-\d{2}T[\d:.]+Z|\b\d+(\.\d+)? ms\b`)

func masked(text string) string { return volatile.ReplaceAllString(text, "*") }

// TestTheExampleOfTheREADME runs the command under the example in README.md: what
// stands there is what it says.
func TestTheExampleOfTheREADME(t *testing.T) {
	gocache, code := run(t, nil, "go", "env", "GOCACHE")
	if code != 0 {
		t.Fatal(gocache)
	}
	// The demo notes for others what is up, and where its programs are.
	cache := []string{"XDG_CACHE_HOME=" + t.TempDir(), "HOME=" + t.TempDir(), "GOCACHE=" + strings.TrimSpace(gocache)}
	for _, name := range []string{"GOMODCACHE", "GOPATH", "GOENV"} {
		value, _ := run(t, nil, "go", "env", name)
		cache = append(cache, name+"="+strings.TrimSpace(value))
	}
	const command = "scripts/demo --once --incident RD-01 --seed 7"
	said, code := run(t, cache, sandbox(t), append([]string{"demo"}, strings.Fields(command)[1:]...)...)
	if code != 0 {
		t.Fatalf("exit code %d:\n%s", code, said)
	}
	for _, name := range []string{"README.md", "README.ko.md"} {
		d := read(t, name)
		example := ""
		for _, b := range d.blocks {
			if b.language == "text" && strings.HasPrefix(b.text, "? ") {
				example = b.text
			}
		}
		if example == "" {
			t.Errorf("%s shows no answer of the demo", name)
			continue
		}
		question, _, _ := strings.Cut(example, "\n")
		_, rest, found := strings.Cut(said, question+"\n")
		if !found {
			t.Errorf("%s: the demo does not ask %q:\n%s", name, question, said)
			continue
		}
		now := question + "\n"
		for line := range strings.Lines(rest) {
			if !strings.HasPrefix(line, "> ") && !strings.HasPrefix(line, "  | ") {
				break
			}
			now += strings.TrimPrefix(line, "  | ")
		}
		if masked(now) != masked(example) {
			t.Errorf("%s shows another answer than %s gives now:\n%s", name, command, now)
		}
	}
}
