package tooltest

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"payops-mcp/shared/env"
	"payops-mcp/shared/tool"
)

// Section compares what stands in a markdown file between the lines
//
//	<!-- marker: begin -->
//	<!-- marker: end -->
//
// with content, which is made from code. UPDATE_GOLDEN=1 writes it.
func Section(t testing.TB, path, marker, content string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- "+marker+": begin -->\n", "<!-- "+marker+": end -->"
	before, rest, ok := strings.Cut(string(data), begin)
	old, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 || strings.Contains(after, strings.TrimSpace(begin)) {
		t.Fatalf("%s: want one pair of lines %q and %q", path, strings.TrimSpace(begin), end)
	}
	content = "\n" + strings.TrimSpace(content) + "\n\n"
	switch {
	case old == content:
	case os.Getenv("UPDATE_GOLDEN") == "1":
		if err := os.WriteFile(path, []byte(before+begin+content+end+after), 0o644); err != nil { //nolint:gosec // a file of the repository
			t.Fatal(err)
		}
	default:
		t.Errorf("%s: the section %q differs from the code, which says:\n%s\nif the code is right: UPDATE_GOLDEN=1 go test", path, marker, content)
	}
}

// ToolTable is the table of a README that says what each tool takes and answers.
func ToolTable(tools []tool.Tool) string {
	rows := [][]string{{"tool", "arguments (**required**, default)", "what it answers", "example"}}
	for _, t := range tools {
		var args []string
		for _, a := range t.Arguments() {
			name := code(a.Name)
			if a.Required {
				name = "**" + name + "**"
			}
			if a.Default != "" {
				name += " (" + strings.Trim(a.Default, `"`) + ")"
			}
			args = append(args, name)
		}
		example := ""
		if len(t.Spec.Examples) > 0 {
			example = code(t.Spec.Examples[0])
		}
		rows = append(rows, []string{code(t.Spec.Name), cmp.Or(strings.Join(args, ", "), "none"), firstSentence(t.Spec.Description), example})
	}
	return table(rows)
}

// SettingsTable is the table of a README that says what can be set.
func SettingsTable(settings []env.Setting) string {
	rows := [][]string{{"setting", "default", "what it is"}}
	for _, s := range settings {
		name, standard := code(s.Name), "-"
		if s.Secret {
			name += ", " + code(s.Name+"_FILE")
		}
		if s.Default != "" {
			standard = code(s.Default)
		}
		rows = append(rows, []string{name, standard, s.Help})
	}
	return table(rows)
}

// table writes rows as a markdown table, the first as its header.
func table(rows [][]string) string {
	var b strings.Builder
	for i, row := range rows {
		for _, cell := range row {
			fmt.Fprintf(&b, "| %s ", strings.NewReplacer("|", `\|`, "\n", " ").Replace(cell))
		}
		b.WriteString("|\n")
		if i == 0 {
			b.WriteString(strings.Repeat("|---", len(row)) + "|\n")
		}
	}
	return b.String()
}

func code(s string) string { return "`" + s + "`" }

func firstSentence(s string) string {
	first, _, _ := strings.Cut(s, ". ")
	return strings.TrimSuffix(first, ".")
}

// README compares a server's two sections of the README with its code: its tools,
// and its settings beside those that all servers share.
func README(t testing.TB, server string, config any, tools []tool.Tool) {
	t.Helper()
	const path = "../README.md" // a server's main package lies one folder below it
	Section(t, path, server+" tools", ToolTable(tools))
	shared := env.Settings(&env.Common{})
	own := slices.DeleteFunc(env.Settings(config), func(s env.Setting) bool { return slices.Contains(shared, s) })
	Section(t, path, server+" settings", SettingsTable(own))
}
