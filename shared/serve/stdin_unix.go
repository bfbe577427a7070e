//go:build unix

package serve

import (
	"os"
	"syscall"
)

// polled is a pipe or socket on which the runtime waits as it does on connections.
// A plain read would keep a thread in the kernel, and every request would wake one
// more to be worked on. Files and terminals stay as they are, and so does what is one
// of our outputs too, whose writes would then fail when it is full.
func polled(in *os.File, outs ...*os.File) *os.File {
	i, err := in.Stat()
	if err != nil || i.Mode()&(os.ModeNamedPipe|os.ModeSocket) == 0 {
		return in
	}
	for _, out := range outs {
		if o, err := out.Stat(); err != nil || os.SameFile(i, o) {
			return in
		}
	}
	fd := in.Fd()
	if err := syscall.SetNonblock(int(fd), true); err != nil {
		return in
	}
	return os.NewFile(fd, in.Name())
}
