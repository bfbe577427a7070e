package proc

import "syscall"

// sysProcAttr gives a child a process group of its own, and has the kernel
// kill it should the helper itself be killed.
func sysProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// executable is what to start again. The link leads to the running program even
// when its file was replaced or removed since.
func executable() (string, error) { return "/proc/self/exe", nil }
