// Command release makes the archives, bundles and checksums of a version in dist.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"payops-mcp/sandbox/binaries"
	"payops-mcp/sandbox/release"
)

func main() {
	out := flag.String("out", "dist", "`folder` for the files")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: release [--out FOLDER] vMAJOR.MINOR.PATCH")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *out, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out, version string) error {
	root, err := binaries.Workspace()
	if err != nil {
		return err
	}
	names, err := release.Make(ctx, release.Options{Root: root, Out: out, Version: version, Targets: release.Targets,
		Say: func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(os.Stdout, strings.Join(names, "\n"))
	return err
}
