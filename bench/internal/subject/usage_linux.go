package subject

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// CPU returns the processor time that the server has used so far. Unlike utime
// and stime, whose ticks are 10 ms, schedstat counts nanoseconds.
func (p *Process) CPU() (time.Duration, bool) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.cmd.Process.Pid))
	if err != nil || len(files) == 0 {
		return 0, false
	}
	var sum int64
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			continue // the thread has ended
		}
		running, _, _ := strings.Cut(string(data), " ")
		n, err := strconv.ParseInt(running, 10, 64)
		if err != nil {
			return 0, false
		}
		sum += n
	}
	return time.Duration(sum), sum > 0
}

// Resident returns the memory that is resident, in bytes.
func (p *Process) Resident() (int64, bool) { return p.memory("VmRSS") }

// Peak returns the most memory that has ever been resident, in bytes.
func (p *Process) Peak() (int64, bool) { return p.memory("VmHWM") }

func (p *Process) memory(line string) (int64, bool) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, false
	}
	for s := bufio.NewScanner(bytes.NewReader(data)); s.Scan(); {
		var kilobytes int64
		if n, _ := fmt.Sscanf(s.Text(), line+": %d kB", &kilobytes); n == 1 {
			return kilobytes << 10, true
		}
	}
	return 0, false
}
