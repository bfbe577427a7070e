package watch

import (
	"fmt"
	"os"
	"strings"
)

// resident is how many bytes of memory a process has.
func resident(pid int) (bytes int64, ok bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, "VmRSS:"); found {
			_, err := fmt.Sscan(value, &bytes)
			return bytes << 10, err == nil
		}
	}
	return 0, false
}

// Load is how busy the machine is: the average number of processes that wanted
// to run in the last minute.
func Load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}
