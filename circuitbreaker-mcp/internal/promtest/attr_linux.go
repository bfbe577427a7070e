package promtest

import "syscall"

// dieWithUs ends the child also when the test is killed and cleans up nothing.
func dieWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
