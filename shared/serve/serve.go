// Package serve is the main loop of a server: flags, settings, signals, the log
// on stderr, MCP over stdio or HTTP, and exit codes. It never dials: a server must start,
// and answer initialize at once, exactly when the systems it asks are down.
package serve

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
	_ "time/tzdata" // zones by name also where the machine has no database of them

	"payops-mcp/shared/about"
	"payops-mcp/shared/env"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/tool"
)

// App is what a server is made of.
type App struct {
	Name         string // of the binary and in the protocol
	Title        string
	Description  string
	Instructions string // what the server is for, for a model: at most 2048 bytes
	Prompts      tool.Prompts

	Config any                              // pointer to the settings struct, filled before Build
	Common *env.Common                      // its part that all servers share
	Build  func(settings []env.Value) Parts // of the settings in effect, as Config holds them
}

// Parts is what Build makes of the settings. Making it dials nothing.
type Parts struct {
	Tools     []tool.Tool
	Resources []tool.Resource
	Checks    []Check
}

// Check asks one source whether it answers, for --check.
type Check func(context.Context) fault.Source

// Exit codes.
const (
	ExitOK     = 0
	ExitFailed = 1 // --check found a source that does not answer, or serving failed
	ExitUsage  = 2 // flags or settings are wrong
)

const (
	maxInstructions = 2048             // bytes, where hosts cut
	hostPatience    = 60 * time.Second // after which the first hosts give up on a call
)

// Main runs the server on the process's own arguments, environment and streams,
// and exits.
func Main(app App) {
	beFrugal()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	// A host that closes one of our pipes makes a write fail, not the process.
	signal.Ignore(syscall.SIGPIPE)
	stdout := os.Stdout
	// stdout belongs to JSON-RPC. What a library prints goes where it does no harm.
	os.Stdout = os.Stderr
	os.Exit(app.Run(ctx, os.Args[1:], os.Environ(), polled(os.Stdin, stdout, os.Stderr), stdout, os.Stderr))
}

// Run is Main without the process: it returns the exit code. When ctx ends while
// a call is stuck, serving over stdio ends the process itself after two seconds.
func (app App) Run(ctx context.Context, args, environ []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(app.Instructions) > maxInstructions {
		panic(fmt.Sprintf("serve: instructions of %d bytes, hosts cut at %d", len(app.Instructions), maxInstructions))
	}
	o, err := parseFlags(app.Name, args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		app.help(stdout)
		return ExitOK
	case err != nil:
		return ExitUsage
	case o.version:
		fmt.Fprintf(stdout, "%s %s\n", app.Name, Version())
		return ExitOK
	}
	if err := env.Load(app.Config, environ, o.config); err != nil {
		fmt.Fprintf(stderr, "%s cannot start, its settings are wrong:\n%s\n", app.Name, indent(err.Error()))
		return ExitUsage
	}
	settings := env.Effective(app.Config, environ, o.config)
	parts := app.Build(settings)
	parts.Resources = append(parts.Resources, about.Resources(settings)...)
	if parts.Tools, err = choose(parts.Tools, o.tools, o.exclude); err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", app.Name, err)
		return ExitUsage
	}
	if o.check {
		return check(ctx, app.Common.CallTimeout, parts.Checks, stdout)
	}
	spool := newSpool(stderr)
	defer spool.flush()
	log := slog.New(slog.NewTextHandler(spool, nil))
	slog.SetDefault(log) // what libraries log goes the same way
	if t := app.Common.CallTimeout; t > hostPatience {
		log.LogAttrs(ctx, slog.LevelWarn, "PAYOPS_CALL_TIMEOUT is longer than some hosts wait for an answer", slog.Duration("timeout", t), slog.Duration("hosts_wait", hostPatience))
	}
	if o.http != "" {
		err = app.http(ctx, o.http, parts, log)
	} else {
		err = app.stdio(ctx, parts, log, spool.flush, stdin, stdout)
	}
	if err != nil {
		log.LogAttrs(ctx, slog.LevelError, "serving ended", slog.Any("error", err))
		return ExitFailed
	}
	return ExitOK
}

func indent(s string) string { return "  " + strings.ReplaceAll(s, "\n", "\n  ") }

// choose keeps the tools of only, all if it is empty, without those of except.
func choose(tools []tool.Tool, only, except []string) ([]tool.Tool, error) {
	names := make([]string, len(tools))
	for i, t := range tools {
		names[i] = t.Spec.Name
	}
	for _, n := range slices.Concat(only, except) {
		if !slices.Contains(names, n) {
			return nil, fmt.Errorf("no tool is named %q; there are %s", n, strings.Join(names, ", "))
		}
	}
	kept := slices.DeleteFunc(slices.Clone(tools), func(t tool.Tool) bool {
		return len(only) > 0 && !slices.Contains(only, t.Spec.Name) || slices.Contains(except, t.Spec.Name)
	})
	if len(kept) == 0 {
		return nil, errors.New("--tools and --exclude-tools leave no tool")
	}
	return kept, nil
}
