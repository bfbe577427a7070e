package serve_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"payops-mcp/shared/env"
	"payops-mcp/shared/serve"
)

// command runs the server as a person does, with nothing on stdin.
func command(t *testing.T, environ []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := child(ctx, environ, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

func TestCommandLine(t *testing.T) {
	for name, c := range map[string]struct {
		environ, args  []string
		code           int
		stdout, stderr string // what they say, among other things; empty for nothing at all
	}{
		"version":                {args: []string{"--version"}, stdout: "child-mcp devel"},
		"version, bad settings":  {environ: []string{"PAYOPS_CALL_TIMEOUT=soon"}, args: []string{"--version"}, stdout: "child-mcp devel"},
		"check":                  {environ: []string{"SERVE_TEST_CHECKS=ok"}, args: []string{"--check"}, stdout: "ok      redis (1.2ms)\n"},
		"check, one fails":       {environ: []string{"SERVE_TEST_CHECKS=refused ok"}, args: []string{"--check"}, code: 1, stdout: "FAILED  ingest (1ms): unreachable: asked GET /status, got \"connection refused\\\\u001b\". Start it\nok      redis (1.2ms)\n"},
		"check that panics":      {environ: []string{"SERVE_TEST_CHECKS=ok panic"}, args: []string{"--check"}, code: 1, stdout: "ok      redis (1.2ms)\nFAILED  check 2 of 2 ("},
		"check that never ends":  {environ: []string{"SERVE_TEST_CHECKS=stuck ok", "PAYOPS_CALL_TIMEOUT=100ms"}, args: []string{"--check"}, code: 1, stdout: "timeout: asked whether it answers"},
		"check, bad settings":    {environ: []string{"PAYOPS_CALL_TIMEOUT=soon"}, args: []string{"--check"}, code: 2, stderr: `PAYOPS_CALL_TIMEOUT="soon"`},
		"settings":               {environ: []string{"PAYOPS_CALL_TIMEOUT=soon", "PAYOPS_MAX_RESULT_BYTES=0"}, code: 2, stderr: "child-mcp cannot start, its settings are wrong:\n  PAYOPS_CALL_TIMEOUT=\"soon\": want a length of time above zero, like 30s or 5m\n  PAYOPS_MAX_RESULT_BYTES=\"0\": want 4000 to 500000\n"},
		"settings file missing":  {args: []string{"--config", "/no/such/file"}, code: 2, stderr: "/no/such/file"},
		"unknown flag":           {args: []string{"--chekc"}, code: 2, stderr: "child-mcp --help lists"},
		"argument":               {args: []string{"serve"}, code: 2, stderr: `takes no arguments, got ["serve"]`},
		"unknown tool":           {args: []string{"--tools", "run_tset"}, code: 2, stderr: `no tool is named "run_tset"; there are run_test, spare_test`},
		"unknown excluded tool":  {args: []string{"--exclude-tools=run_test,x"}, code: 2, stderr: `no tool is named "x"; there are run_test, spare_test`},
		"no tool is left":        {args: []string{"--tools=run_test", "--exclude-tools=run_test"}, code: 2, stderr: "leave no tool"},
		"tools that are nothing": {args: []string{"--tools", ","}, code: 2, stderr: "want a comma list"},
		"nothing on stdin":       {},
		"impatient hosts":        {environ: []string{"PAYOPS_CALL_TIMEOUT=2m"}, stderr: "longer than some hosts wait"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := command(t, c.environ, c.args...)
			if code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			for stream, x := range map[string][2]string{"stdout": {stdout, c.stdout}, "stderr": {stderr, c.stderr}} {
				if got, want := x[0], x[1]; !strings.Contains(got, want) || want == "" && got != "" {
					t.Errorf("%s is\n%s\nwant\n%s", stream, got, want)
				}
			}
		})
	}
}

func TestHelpListsEveryFlagAndSetting(t *testing.T) {
	code, stdout, stderr := command(t, []string{"PAYOPS_CALL_TIMEOUT=soon", "TEST_TOKEN=hunter2"}, "--help")
	if code != 0 || stderr != "" {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	for _, want := range []string{"child-mcp: A server for tests.", "--check", "--version", "--config FILE", "--tools LIST", "--exclude-tools LIST", "--help", "(default http://localhost:9090)", "(secret)"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is missing in\n%s", want, stdout)
		}
	}
	for _, s := range env.Settings(&childConfig{}) {
		if !strings.Contains(stdout, "  "+s.Name+" ") || !strings.Contains(stdout, s.Help) {
			t.Errorf("%s is missing in\n%s", s.Name, stdout)
		}
	}
	if strings.Contains(stdout, "hunter2") {
		t.Error("a secret is shown")
	}
}

func TestToolsAreChosen(t *testing.T) {
	for args, want := range map[string]string{
		"--tools=run_test":                            "run_test",
		"--tools=run_test, spare_test":                "run_test spare_test",
		"--exclude-tools=run_test":                    "spare_test",
		"--tools=run_test,spare_test":                 "run_test spare_test",
		"--tools=spare_test --exclude-tools=run_test": "spare_test",
	} {
		t.Run(args, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			cmd := child(ctx, nil, strings.Split(args, " --")...)
			if first, second, two := strings.Cut(args, " --"); two {
				cmd = child(ctx, nil, first, "--"+second)
			}
			cmd.Stdin = strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"run_test", "spare_test"} {
				if listed := strings.Contains(string(out), `"name":"`+name+`"`); listed != strings.Contains(want, name) {
					t.Errorf("%s listed: %v", name, listed)
				}
			}
		})
	}
}

// Hosts cut instructions; what is behind the cut would be lost without a word.
func TestLongInstructionsPanic(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("they were taken")
		}
	}()
	serve.App{Name: "x", Instructions: strings.Repeat("x", 2049)}.Run(t.Context(), nil, nil, nil, nil, nil)
}
