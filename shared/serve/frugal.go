package serve

import (
	"os"
	"runtime"
	"runtime/debug"
	"time"
)

// beFrugal makes little of the machine: three servers stand by on a laptop all day,
// beside the host and, on a desk, what they ask. What the environment sets (GOGC,
// GOMAXPROCS) stays as it is.
//
// The memory beside the live heap is halved, which is worth the processor time of
// collecting twice as often. Until initialize is answered nothing is collected: all
// that the start makes is kept, and looking through it was up to a sixth of the start.
//
// After that half of the processors are used, and one of two. A call mostly waits for
// a source; each processor more is a thread that is woken, looks for work that another
// has done meanwhile, and sleeps again: a third of a millisecond of every call, and a
// quarter of the time of a reconciliation beside its database on two processors.
func beFrugal() {
	memory, processors := os.Getenv("GOGC") == "", os.Getenv("GOMAXPROCS") == ""
	if memory {
		debug.SetGCPercent(whileStarting)
	}
	time.AfterFunc(started, func() {
		if processors {
			runtime.GOMAXPROCS(half(runtime.GOMAXPROCS(0)))
		}
		if memory {
			debug.SetGCPercent(50)
			giveBack()
		}
	})
}

// giveBack gives back memory that is not made use of.
func giveBack() {
	debug.FreeOSMemory()
	unmap()
}

// half of the processors, and at least one.
func half(processors int) int { return max(1, processors/2) }

const (
	// whileStarting is the memory beside the live heap until then, in percent of it:
	// more than a start takes, and no more than a first answer may leave behind.
	whileStarting = 200
	// started is when initialize is long answered, and few calls are.
	started = 200 * time.Millisecond
)
