package serve

import (
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"payops-mcp/shared/env"
)

type options struct {
	check, version bool
	config         string
	tools, exclude []string
}

func parseFlags(name string, args []string, stderr io.Writer) (options, error) {
	var o options
	fs := flagSet(name, &o)
	fs.SetOutput(stderr)
	fs.Usage = func() { fmt.Fprintf(stderr, "%s --help lists the flags and settings\n", name) }
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 {
		fmt.Fprintf(stderr, "%s takes no arguments, got %q; --help lists the flags\n", name, fs.Args())
		return o, fmt.Errorf("unexpected arguments")
	}
	return o, nil
}

func flagSet(name string, o *options) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.BoolVar(&o.check, "check", false, "ask every source once, say a line for each, and exit (1 if one does not answer)")
	fs.BoolVar(&o.version, "version", false, "print the version and exit")
	fs.StringVar(&o.config, "config", "", "read settings from `FILE` (NAME=value lines); the environment wins")
	fs.Func("tools", "serve only these tools (comma `LIST`)", list(&o.tools))
	fs.Func("exclude-tools", "serve all but these tools (comma `LIST`)", list(&o.exclude))
	return fs
}

func list(into *[]string) func(string) error {
	return func(s string) error {
		for part := range strings.SplitSeq(s, ",") {
			if part = strings.TrimSpace(part); part != "" {
				*into = append(*into, part)
			}
		}
		return nil
	}
}

// help prints what the server is, its flags and its settings.
func (app App) help(w io.Writer) {
	fmt.Fprintf(w, "%s: %s\n\nServes MCP over stdin and stdout. Flags:\n", app.Name, app.Description)
	fs := flagSet(app.Name, &options{})
	fs.SetOutput(w)
	fs.PrintDefaults()
	fmt.Fprint(w, "\nSettings (environment, or the file of --config; a secret NAME may also be given as NAME_FILE):\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range env.Settings(app.Config) {
		def := ""
		if s.Default != "" {
			def = " (default " + s.Default + ")"
		}
		fmt.Fprintf(t, "  %s\t%s%s\n", s.Name, s.Help, def)
	}
	t.Flush()
}
