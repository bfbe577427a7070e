package sandbox

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"
)

const demoSubject = "sandbox demo, embedded"

// The bounds of the demo.
const (
	firstAnswerWithin = 3   // seconds
	demoMemory        = 250 // MB
)

// demo measures the demo from its start, with the servers built before.
func (b *bench) demo(ctx context.Context) error {
	b.say("the demo once, which builds the servers")
	if _, err := b.play(ctx); err != nil {
		return err
	}
	for run := range b.Runs {
		b.say("run %d of %d: the demo", run+1, b.Runs)
		p, err := b.play(ctx)
		if err != nil {
			return err
		}
		b.figures.Add("first answer after the start", demoSubject, "s", p.first.Seconds()).AtMost(firstAnswerWithin).
			Says("the servers were built before")
		b.figures.Add("whole demo", demoSubject, "s", p.whole.Seconds()).AtMost(20)
		if p.peak == 0 {
			b.figures.Skip("most memory", demoSubject, "MB", "not told on "+runtime.GOOS)
			continue
		}
		b.figures.Add("most memory", demoSubject, "MB", p.peak).AtMost(demoMemory).Says("the one process that is the whole system, without the three servers")
	}
	return nil
}

// played is one run of the demo.
type played struct {
	first, whole time.Duration
	peak         float64 // MB; 0 when not told
}

// play runs the demo with an incident that takes no time, to its end.
func (b *bench) play(ctx context.Context) (p played, err error) {
	cmd := exec.CommandContext(ctx, b.program, "demo", "--once", "--incident", "NM-02")
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return p, err
	}
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return p, err
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		line := lines.Text()
		// An answer ends with how long it took.
		if p.first == 0 && strings.HasPrefix(line, "  (") {
			p.first = time.Since(begin)
		}
		p.peak = max(p.peak, peak(cmd.Process.Pid))
	}
	if err := cmd.Wait(); err != nil {
		return p, fmt.Errorf("%w: %s", err, said.String())
	}
	p.whole = time.Since(begin)
	return p, nil
}

// peak is the most memory that a process has had, in MB, where the system tells.
func peak(pid int) float64 {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
			if err == nil {
				return kb / 1024
			}
		}
	}
	return 0
}
