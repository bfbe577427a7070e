package serve

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"payops-mcp/shared/env"
)

type options struct {
	check, version bool
	config, http   string
	tools, exclude []string
}

func parseFlags(name string, args []string, stderr io.Writer) (options, error) {
	var o options
	fs := flagSet(name, &o)
	fs.SetOutput(stderr)
	fs.Usage = func() {}
	err := fs.Parse(args) // which says what is wrong
	if err == nil && fs.NArg() > 0 {
		err = fmt.Errorf("%s takes no arguments, got %q", name, fs.Args())
		fmt.Fprintln(stderr, err)
	}
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(stderr, "%s --help lists the flags and settings\n", name)
	}
	return o, err
}

func flagSet(name string, o *options) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.BoolVar(&o.check, "check", false, "ask every source once, say a line for each, and exit (1 if one does not answer)")
	fs.BoolVar(&o.version, "version", false, "print the version and exit")
	fs.StringVar(&o.config, "config", "", "read settings from `FILE` (NAME=value lines); the environment wins")
	fs.StringVar(&o.http, "http", "", "serve over HTTP at `HOST:PORT`/mcp in place of stdin and stdout, with /healthz, /readyz and /metrics beside it")
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
		if len(*into) == 0 { // none would mean all
			return errors.New("want a comma list of tools")
		}
		return nil
	}
}

// help prints what the server is, its flags and its settings.
func (app App) help(w io.Writer) {
	fmt.Fprintf(w, "%s: %s\n\nServes MCP over stdin and stdout, or over HTTP. Flags:\n", app.Name, app.Description)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	flagSet(app.Name, &options{}).VisitAll(func(f *flag.Flag) {
		value, usage := flag.UnquoteUsage(f)
		fmt.Fprintf(t, "  --%s\t%s\n", strings.TrimSpace(f.Name+" "+value), usage)
	})
	fmt.Fprintf(t, "  --help\tprint this and exit\n")
	t.Flush()
	fmt.Fprint(w, "\nSettings (environment, or the file of --config; a secret NAME may also be given as NAME_FILE):\n")
	for _, s := range env.Settings(app.Config) {
		notes := ""
		if s.Default != "" {
			notes += " (default " + s.Default + ")"
		}
		if s.Secret {
			notes += " (secret)"
		}
		fmt.Fprintf(t, "  %s\t%s%s\n", s.Name, s.Help, notes)
	}
	t.Flush()
}
