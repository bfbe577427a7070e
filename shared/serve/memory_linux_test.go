//go:build !race

// The race detector keeps memory of its own for all that was once used.

package serve_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// What a large call took is given back once the server is idle.
func TestAnIdleServerGivesMemoryBack(t *testing.T) {
	p := start(t)
	p.initialize("2025-11-25")
	p.send(call(1, "garbage"))
	p.answer(1)
	const enough = 32 << 20
	if p.resident() < enough {
		t.Fatal("the call took no memory to give back")
	}
	deadline := time.Now().Add(patience)
	for p.resident() > enough {
		if time.Now().After(deadline) {
			t.Fatalf("%d MB are resident still", p.resident()>>20)
		}
		time.Sleep(50 * time.Millisecond) // a poll: asking the server would keep it busy
	}
}

// resident is the memory of the server, in bytes.
func (p *peer) resident() (bytes int) {
	p.t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &bytes); n == 1 {
			return bytes << 10
		}
	}
	p.t.Fatal("no VmRSS in /proc")
	return 0
}
