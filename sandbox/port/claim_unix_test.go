//go:build unix

package port_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"payops-mcp/sandbox/port"
)

// otherEnv turns this test binary into another process that is given ports.
const otherEnv = "PORT_TEST_OTHER"

const many = 2000

func TestMain(m *testing.M) {
	if os.Getenv(otherEnv) != "" {
		other()
		return
	}
	os.Exit(m.Run())
}

// other prints the addresses that it is given, and holds them until stdin ends.
func other() {
	for range many {
		addr, err := port.Free()
		if err != nil {
			fmt.Fprintln(os.Stdout, err)
			return
		}
		fmt.Fprintln(os.Stdout, addr)
	}
	fmt.Fprintln(os.Stdout, "done")
	_, _ = os.Stdin.Read(make([]byte, 1))
}

// Two systems that are started side by side take ports seconds before they listen
// there: of so many ports they would have hundreds in common.
func TestProcessesGetOtherPorts(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), otherEnv+"=1")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	}()
	theirs := map[string]bool{}
	lines := bufio.NewScanner(stdout)
	for lines.Scan() && lines.Text() != "done" {
		theirs[lines.Text()] = true
	}
	if len(theirs) != many {
		t.Fatalf("the other process was given %d addresses, want %d", len(theirs), many)
	}
	for range many {
		addr, err := port.Free()
		if err != nil {
			t.Fatal(err)
		}
		if theirs[addr] {
			t.Fatalf("%s was given to two processes", addr)
		}
	}
}

func TestNobodyListens(t *testing.T) {
	addr, err := port.Free()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(addr, "127.0.0.1:") {
		t.Errorf("%s is not on the loopback", addr)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
}
