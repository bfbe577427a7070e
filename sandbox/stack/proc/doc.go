// Package proc runs child processes that never outlive the program that
// wanted them, and a temporary folder that goes with them.
//
// All children of one [Supervisor] are started by one small helper process:
// the running executable itself, started again with an environment variable
// that an init function of this package looks for, so that it works alike in a
// command and in a test binary. The helper reads requests from a pipe. When
// the pipe closes, which the kernel does however its parent ended, it kills
// the process group of every child, removes the folder and exits. There is no
// moment in which a child exists that the helper does not know of.
//
// Should the helper itself be killed, Linux kills the children with it, and
// the folder is removed by the next [Sweep].
//
// Linux and macOS only: elsewhere [New] returns [ErrUnsupported].
package proc

import (
	"errors"
	"os"
	"time"
)

// ErrUnsupported says that this operating system cannot run real servers as
// private child processes.
var ErrUnsupported = errors.New("real servers as child processes need Linux or macOS; on this system start them with docker compose and attach to them")

// ErrClosed is returned for requests to a supervisor that was closed, or whose
// helper process has ended.
var ErrClosed = errors.New("the process supervisor has ended")

// Spec says what to run.
type Spec struct {
	// Name is what messages call the process.
	Name string
	// Path is the executable.
	Path string
	// Args are its arguments, without the name of the program.
	Args []string
	// Env is the whole environment; nil means the parent's.
	Env []string
	// Dir is the working directory; "" means the supervisor's folder.
	Dir string
	// Log is the file that both output streams are appended to; "" means
	// Name + ".log" in the supervisor's folder.
	Log string
}

// Signal is what can be sent to a child's process group.
type Signal string

// The signals that the helper knows.
const (
	Terminate Signal = "terminate" // asks it to end
	Kill      Signal = "kill"      // ends it, also while it is paused
	Pause     Signal = "pause"     // freezes it; connections stay open and stay silent
	Resume    Signal = "resume"    // wakes it up again
)

// lockFile in a supervisor's folder is locked for as long as its helper lives.
const lockFile = "owner.lock"

// Prefix begins the name of every supervisor's folder.
const Prefix = "payops-sandbox-"

// logTail is how much of a child's log goes into an error.
const logTail = 2000

// tail returns the last part of a log file, for error messages.
func tail(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	buf := make([]byte, min(info.Size(), logTail))
	n, _ := f.ReadAt(buf, info.Size()-int64(len(buf)))
	return string(buf[:n])
}

// youngest is how old a folder without a living owner must be before Sweep
// believes that nobody is just setting it up.
const youngest = time.Minute
