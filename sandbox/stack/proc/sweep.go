//go:build unix

package proc

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Sweep removes folders in parent that a supervisor left behind because it was
// killed itself, and returns what it removed. A folder whose owner lives, and
// one so young that its owner may just be coming up, stays.
func Sweep(parent string) ([]string, error) {
	dirs, err := filepath.Glob(filepath.Join(parent, Prefix+"*"))
	if err != nil {
		return nil, err
	}
	var removed []string
	var failed error
	for _, dir := range dirs {
		if !abandoned(dir) {
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		removed = append(removed, dir)
	}
	return removed, failed
}

func abandoned(dir string) bool {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() || time.Since(info.ModTime()) < youngest {
		return false
	}
	lock, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return true
	}
	if err != nil {
		return false
	}
	defer func() { _ = lock.Close() }()
	return syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}
