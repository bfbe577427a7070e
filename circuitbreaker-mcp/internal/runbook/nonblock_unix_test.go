//go:build unix

package runbook

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestAPipeIsNoPage(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.md"), 0o600); err != nil {
		t.Skipf("no pipes here: %v", err)
	}
	write(t, dir, "page.md", "# Page\n\nfeijoa\n")
	ids, look := find(t, New(dir, time.Minute), "feijoa")
	if len(ids) != 1 || !strings.Contains(strings.Join(look.Left, ""), `"pipe.md": it is no file`) {
		t.Errorf("found %v, left %v", ids, look.Left)
	}
}

// A directory that answers late is left out, and what is built in is there.
func TestADirectoryThatAnswersLate(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "page.md", "# Page\n\nfeijoa\n")
	ids, look := find(t, New(dir, 0), "OUTBOX_LOCK_STUCK")
	if len(ids) == 0 || ids[0] != "outbox#outbox_lock_stuck" || look.Sources[1].OK() || look.Sources[1].Err.Class != "timeout" {
		t.Errorf("found %v, sources %+v", ids, look.Sources)
	}
}
