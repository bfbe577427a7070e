//go:build unix

package port

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// claims is a file in which each port is a byte that the process locks to which it
// was given; nil where there can be none.
var claims = sync.OnceValue(func() *os.File {
	name := filepath.Join(os.TempDir(), fmt.Sprintf("payops-ports-%d", os.Getuid()))
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil
	}
	return f
})

// claim reports whether no other process has been given the port, and holds it until
// this one ends. Where nothing can be locked the port is free for all.
func claim(port int) bool {
	f := claims()
	if f == nil {
		return true
	}
	lock := syscall.Flock_t{Type: syscall.F_WRLCK, Start: int64(port), Len: 1}
	err := syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, &lock)
	return !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EACCES)
}
