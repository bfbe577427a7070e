package breaker

// outcome is how one call ended.
type outcome uint8

const (
	slow   outcome = 1 << iota // took longer than the threshold
	failed                     // ended in an error
)

// window remembers the outcomes of the last calls, and how many calls were
// turned away while it was in use.
type window struct {
	ring         []outcome
	next, used   int
	minimum      int
	notPermitted int

	failed, slow, slowFailed int
}

// newWindow makes a window of a size; a minimum that it could never reach is
// lowered to it.
func newWindow(size, minimum int) *window {
	return &window{ring: make([]outcome, size), minimum: min(minimum, size)}
}

// add remembers one call and forgets the oldest one when there is no room.
func (w *window) add(o outcome) {
	if len(w.ring) == 0 {
		return
	}
	if w.used == len(w.ring) {
		w.count(w.ring[w.next], -1)
	} else {
		w.used++
	}
	w.ring[w.next] = o
	w.next = (w.next + 1) % len(w.ring)
	w.count(o, 1)
}

func (w *window) count(o outcome, by int) {
	if o&failed != 0 {
		w.failed += by
	}
	if o&slow != 0 {
		w.slow += by
	}
	if o == failed|slow {
		w.slowFailed += by
	}
}

// rate is a share of the calls in percent, or -1 while there are too few.
func (w *window) rate(part int) float64 {
	if w.used == 0 || w.used < w.minimum {
		return -1
	}
	return 100 * float64(part) / float64(w.used)
}
