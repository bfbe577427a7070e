package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"payops-mcp/sandbox/binaries"
)

// document is a markdown file, taken apart.
type document struct {
	name     string // from the root of the clone
	headings []heading
	blocks   []block
	spans    []span // `code` outside of blocks
	rows     []row  // of tables
	links    []span
}

type heading struct {
	level int
	text  string
}

// block is a fenced block of code.
type block struct {
	line     int
	language string
	text     string
}

type span struct {
	line int
	text string
}

// row is a row of a table, without its header.
type row struct {
	line  int
	cells []string
}

var (
	codeSpan = regexp.MustCompile("`([^`]+)`")
	linkSpan = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	ruler    = regexp.MustCompile(`^\|(-+\|)+$`)
	cellEnd  = regexp.MustCompile(`(^|[^\\])\|`)
)

func parse(name, text string) document {
	d := document{name: name}
	var open *block
	var header bool // the row before may be one of a table
	for n, line := range strings.Split(text, "\n") {
		n++
		if fence, ok := strings.CutPrefix(line, "```"); ok {
			if open == nil {
				open = &block{line: n, language: fence}
			} else {
				d.blocks = append(d.blocks, *open)
				open = nil
			}
			continue
		}
		if open != nil {
			open.text += line + "\n"
			continue
		}
		if level := len(line) - len(strings.TrimLeft(line, "#")); level > 0 && strings.HasPrefix(line[level:], " ") {
			d.headings = append(d.headings, heading{level, strings.TrimSpace(line[level:])})
		}
		for _, m := range codeSpan.FindAllStringSubmatch(line, -1) {
			d.spans = append(d.spans, span{n, strings.ReplaceAll(m[1], `\|`, "|")})
		}
		for _, m := range linkSpan.FindAllStringSubmatch(codeSpan.ReplaceAllString(line, ""), -1) {
			d.links = append(d.links, span{n, m[1]})
		}
		switch {
		case ruler.MatchString(line):
			header = true
		case header && strings.HasPrefix(line, "|"):
			d.rows = append(d.rows, row{n, cells(line)})
		default:
			header = false
		}
	}
	return d
}

func cells(line string) (all []string) {
	line = strings.Trim(strings.TrimSpace(line), "|")
	for {
		at := cellEnd.FindStringIndex(line)
		if at == nil {
			return append(all, strings.TrimSpace(line))
		}
		all = append(all, strings.TrimSpace(line[:at[1]-1]))
		line = line[at[1]:]
	}
}

// anchor is how a heading is linked to.
func anchor(heading string) string {
	heading = strings.ToLower(strings.NewReplacer("`", "").Replace(heading))
	return regexp.MustCompile(`[^\p{L}\p{N}\- _]`).ReplaceAllString(strings.ReplaceAll(heading, " ", "-"), "")
}

func (d document) has(fragment string) bool {
	return slices.ContainsFunc(d.headings, func(h heading) bool { return anchor(h.text) == fragment })
}

// where names a place for an error.
func (d document) where(line int) string { return d.name + ":" + itoa(line) }

var root = sync.OnceValues(binaries.Workspace)

// at is a path in the clone.
func at(t *testing.T, path ...string) string {
	t.Helper()
	dir, err := root()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(append([]string{dir}, path...)...)
}

// documents are all there are.
func documents(t *testing.T) (all []document) {
	t.Helper()
	names := []string{"README.md", "README.ko.md", "CONTRIBUTING.md"}
	more, err := filepath.Glob(at(t, "docs", "*.md"))
	if err != nil || len(more) == 0 {
		t.Fatalf("no documents in docs: %v", err)
	}
	for _, path := range more {
		names = append(names, "docs/"+filepath.Base(path))
	}
	for _, name := range names {
		all = append(all, read(t, name))
	}
	return all
}

func read(t *testing.T, name string) document {
	t.Helper()
	data, err := os.ReadFile(at(t, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return parse(name, string(data))
}

func TestParse(t *testing.T) {
	d := parse("x.md", "# A `b` c\n\ntext `one two` [l](docs/a.md#b)\n\n| a | b |\n|---|---|\n| `x` | y\\|z |\n\n```sh\nls # |\n```\n")
	if d.headings[0] != (heading{1, "A `b` c"}) || anchor(d.headings[0].text) != "a-b-c" || !d.has("a-b-c") {
		t.Errorf("headings %+v", d.headings)
	}
	if len(d.blocks) != 1 || d.blocks[0] != (block{9, "sh", "ls # |\n"}) {
		t.Errorf("blocks %+v", d.blocks)
	}
	if len(d.rows) != 1 || !slices.Equal(d.rows[0].cells, []string{"`x`", `y\|z`}) {
		t.Errorf("rows %+v", d.rows)
	}
	if len(d.links) != 1 || d.links[0].text != "docs/a.md#b" || d.spans[1].text != "one two" {
		t.Errorf("links %+v, spans %+v", d.links, d.spans)
	}
	if got := anchor("세 번의 조사: 결제가 멈춤"); got != "세-번의-조사-결제가-멈춤" {
		t.Errorf("anchor %q", got)
	}
}
