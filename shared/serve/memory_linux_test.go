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
	if p.memory("VmRSS") < enough {
		t.Fatal("the call took no memory to give back")
	}
	p.awaitLess("VmRSS", enough)
}

// Most of the program is made use of while it starts, if at all.
func TestAnIdleServerKeepsLittleOfItsProgram(t *testing.T) {
	p := start(t)
	p.initialize("2025-11-25")
	const little = 4 << 20
	p.awaitLess("RssFile", little)
	p.send(call(1, ""))
	p.answer(1) // the rest is there where it is needed
	p.awaitLess("RssFile", little)
}

// awaitLess waits until the server has less of a kind of memory than so many bytes.
func (p *peer) awaitLess(kind string, bytes int) {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	for p.memory(kind) > bytes {
		if time.Now().After(deadline) {
			p.t.Fatalf("%s is %d MB still", kind, p.memory(kind)>>20)
		}
		time.Sleep(50 * time.Millisecond) // a poll: asking the server would keep it busy
	}
}

// memory is how much of a kind of memory the server has, in bytes; VmRSS is all that is
// resident, RssFile what of it is as in files.
func (p *peer) memory(kind string) (bytes int) {
	p.t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if n, _ := fmt.Sscanf(line, kind+": %d kB", &bytes); n == 1 {
			return bytes << 10
		}
	}
	p.t.Fatalf("no %s in /proc", kind)
	return 0
}
