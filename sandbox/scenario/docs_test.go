package scenario_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"payops-mcp/sandbox/binaries"
	"payops-mcp/sandbox/scenario"
	"payops-mcp/shared/tooltest"
)

// told are the documents that show the transcripts, the same in each language.
var told = []string{"docs/scenarios.md", "docs/scenarios.ko.md"}

// compare holds the transcript of an investigation against what the documents show:
// what was asked, concluded and found must be the same, in the same order. With
// UPDATE_GOLDEN=1 the documents show this one from now on.
func compare(t *testing.T, name, transcript string) {
	t.Helper()
	root, err := binaries.Workspace()
	if err != nil {
		t.Fatal(err)
	}
	want, err := scenario.Outline(transcript)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range told {
		path := filepath.Join(root, file)
		if os.Getenv("UPDATE_GOLDEN") == "1" {
			tooltest.Section(t, path, name, "```text\n"+transcript+"```")
		}
		got, err := scenario.Outline(section(t, path, name))
		if err != nil {
			t.Errorf("%s, %s: %v", file, name, err)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s shows another investigation of %s than there is now; UPDATE_GOLDEN=1 go test ./sandbox/scenario writes it anew\nit shows\n  %s\nand now\n  %s",
				file, name, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
		}
	}
}

// section is what stands in a document between two markers.
func section(t *testing.T, path, marker string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(data), "<!-- "+marker+": begin -->\n")
	text, _, ok2 := strings.Cut(rest, "<!-- "+marker+": end -->")
	if !ok || !ok2 {
		t.Fatalf("%s has no section %q", path, marker)
	}
	return text
}

func TestTheDocumentsShowTheSame(t *testing.T) {
	root, err := binaries.Workspace()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scenes {
		if s.shown == "" {
			continue
		}
		first := section(t, filepath.Join(root, told[0]), s.shown)
		for _, file := range told[1:] {
			if section(t, filepath.Join(root, file), s.shown) != first {
				t.Errorf("%s and %s show %s differently", told[0], file, s.shown)
			}
		}
	}
}
