//go:build !linux

package promtest

import "syscall"

// dieWithUs does nothing here: only Linux ends a child with its parent.
func dieWithUs() *syscall.SysProcAttr { return nil }
