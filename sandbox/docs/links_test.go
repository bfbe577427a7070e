package docs_test

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"payops-mcp/shared/catalog"
)

func isCode(name string) bool {
	_, ok := catalog.Find(catalog.Code(name))
	return ok
}

// TestLinks follows each link into the project: the file is there, and so is the
// heading.
func TestLinks(t *testing.T) {
	for _, d := range documents(t) {
		for _, l := range d.links {
			if strings.Contains(l.text, "://") {
				continue
			}
			file, fragment, _ := strings.Cut(l.text, "#")
			target := d
			if file != "" {
				name := path.Join(path.Dir(d.name), file)
				if _, err := os.Stat(at(t, filepath.FromSlash(name))); err != nil {
					t.Errorf("%s: %v", d.where(l.line), err)
					continue
				}
				if strings.HasSuffix(name, ".md") {
					target = read(t, name)
				}
			}
			if fragment != "" && !target.has(fragment) {
				t.Errorf("%s: %s has no heading #%s", d.where(l.line), target.name, fragment)
			}
		}
	}
}

// TestBlocks knows every kind of block.
func TestBlocks(t *testing.T) {
	for _, d := range documents(t) {
		for _, b := range d.blocks {
			prose := b.language == "" && d.name == "CONTRIBUTING.md" // drawings, see TestLayout
			if !prose && !slices.Contains([]string{"sh", "json", "text"}, b.language) {
				t.Errorf("%s: no test understands a block of %q; sh, json and text are tried", d.where(b.line), b.language)
			}
		}
	}
}

// TestLayout looks for everything that CONTRIBUTING.md shows of the tree.
func TestLayout(t *testing.T) {
	d := read(t, "CONTRIBUTING.md")
	found := 0
	folders := []string{} // open, by depth
	for line := range strings.Lines(d.blocks[0].text) {
		names, _, _ := strings.Cut(strings.TrimRight(line, "\n"), "   ")
		depth := (len(line) - len(strings.TrimLeft(line, " "))) / 2
		if depth > len(folders) || strings.TrimSpace(names) == "" {
			names, _, _ = strings.Cut(strings.TrimSpace(line), "   ")
		}
		for name := range strings.FieldsSeq(names) {
			if strings.Contains(name, "…") || !strings.ContainsAny(name, "/.") && name != "Dockerfile" {
				break
			}
			where := path.Join(append(slices.Clone(folders[:min(depth, len(folders))]), name)...)
			if _, err := os.Stat(at(t, filepath.FromSlash(where))); err != nil {
				t.Errorf("%s: %v", d.name, err)
			}
			found++
			if strings.HasSuffix(name, "/") {
				folders = append(folders[:min(depth, len(folders))], name)
			}
		}
	}
	if found < 30 {
		t.Errorf("%d names of files and folders were found in the layout", found)
	}
}
