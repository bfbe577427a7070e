package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"

	"payops-mcp/sandbox/incident"
	"payops-mcp/sandbox/stack"
)

// exitCode is the failure of a command that has said itself why.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("the command ended with exit code %d", int(e)) }

// runWith runs a command whose failure is its own.
func runWith(cmd *exec.Cmd) error {
	err := cmd.Run()
	if ended, ok := errors.AsType[*exec.ExitError](err); ok {
		return exitCode(ended.ExitCode())
	}
	return err
}

func execute(ctx context.Context, args []string) error {
	var sys system
	fs := flag.NewFlagSet("exec", flag.ContinueOnError)
	sys.flags(fs, stackChildren, "all")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() == 0 {
		return errors.New("no command; write it behind --")
	}
	cmd := exec.CommandContext(ctx, fs.Arg(0), fs.Args()[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env = os.Stdin, os.Stdout, os.Stderr, os.Environ()
	add := func(values map[string]string) {
		for k, v := range values {
			cmd.Env = append(cmd.Env, k+"="+v)
		}
	}
	if stack.Attached(os.Getenv) {
		fmt.Fprintln(os.Stderr, "using the system that the environment describes")
		add(incident.Settings())
		return runWith(cmd)
	}
	s, err := sys.start(ctx, os.Stderr)
	if err != nil {
		return err
	}
	add(environment(s))
	return errors.Join(runWith(cmd), s.Close())
}
