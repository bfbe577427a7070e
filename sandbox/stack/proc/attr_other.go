//go:build unix && !linux

package proc

import (
	"os"
	"syscall"
)

// sysProcAttr gives a child a process group of its own.
func sysProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// executable is what to start again.
func executable() (string, error) { return os.Executable() }
