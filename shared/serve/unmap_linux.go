package serve

import (
	"os"
	"regexp"
	"strconv"
	"syscall"
)

// unmap has the kernel take the pages of the program itself out of this process, which
// are as on disk. For each that is touched it maps sixteen, so that the initialization
// of all that is linked leaves two thirds of the program resident, of which a server
// makes use of half. What is touched again is mapped again, out of the kernel's cache of
// the file unless memory was short.
func unmap() {
	program, err := os.Executable()
	if err != nil {
		return
	}
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return
	}
	// Parts that are not to be written, and never were: whoever loaded the program, or
	// debugs it, may have, and such a page, in memory or swapped out, would be as on disk
	// again.
	part := regexp.MustCompile(`(?m)^([0-9a-f]+)-([0-9a-f]+) r-.p \S+ \S+ \S+ +` + regexp.QuoteMeta(program) + `\n(?:[A-Z].*\n)*?Anonymous: +0 kB\n(?:[A-Z].*\n)*?Swap: +0 kB$`)
	for _, m := range part.FindAllSubmatch(maps, -1) {
		from, err1 := strconv.ParseUint(string(m[1]), 16, 64)
		to, err2 := strconv.ParseUint(string(m[2]), 16, 64)
		if err1 == nil && err2 == nil {
			_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, uintptr(from), uintptr(to-from), syscall.MADV_DONTNEED)
		}
	}
}
