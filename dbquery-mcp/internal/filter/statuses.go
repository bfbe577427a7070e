package filter

import (
	"slices"
	"strings"
)

// Status is a value of payment.status.
type Status struct {
	Name string
	// Written tells whether the payment system's code ever writes it. The
	// others stand in its schema and can only come from elsewhere.
	Written bool
}

// Statuses is the whole vocabulary of payment.status, in the order of a
// payment's life.
var Statuses = []Status{
	{"READY", false},
	{"REQUESTED", false},
	{"AUTHORIZED", false},
	{"AUTH_FAILED", false},
	{"CAPTURE_REQUESTED", true},
	{"CAPTURED", true},
	{"CAPTURE_FAILED", true},
	{"COMPLETED", false},
	{"REFUND_REQUESTED", true},
	{"REFUNDED", true},
	{"PARTIAL_REFUNDED", false},
	{"REFUND_FAILED", true},
	{"CANCELLED", false},
}

// set is a set of statuses, one bit for each of Statuses.
type set uint32

var (
	allStatuses  = set(1)<<len(Statuses) - 1
	neverWritten = func() (s set) {
		for n, st := range Statuses {
			if !st.Written {
				s |= 1 << n
			}
		}
		return s
	}()
)

// setOf makes a set of names; a name that is no status is left out.
func setOf(names []string) (s set) {
	for n, st := range Statuses {
		if slices.Contains(names, st.Name) {
			s |= 1 << n
		}
	}
	return s
}

func of(names ...string) set { return setOf(names) }

func (s set) names() []string {
	var out []string
	for n, st := range Statuses {
		if s&(1<<n) != 0 {
			out = append(out, st.Name)
		}
	}
	return out
}

func (s set) size() int { return len(s.names()) }

// The families: what a word that is no status itself stands for. A family has
// every status there is for it, whether or not the system writes it today.
var (
	failed         = of("AUTH_FAILED", "CAPTURE_FAILED", "REFUND_FAILED")
	pending        = of("READY", "REQUESTED", "AUTHORIZED", "CAPTURE_REQUESTED", "REFUND_REQUESTED")
	succeeded      = of("CAPTURED", "COMPLETED")
	authorizations = of("AUTHORIZED", "AUTH_FAILED")
	captures       = of("CAPTURE_REQUESTED", "CAPTURED", "CAPTURE_FAILED")
	refunds        = of("REFUND_REQUESTED", "REFUNDED", "PARTIAL_REFUNDED", "REFUND_FAILED")
	refunded       = of("REFUNDED", "PARTIAL_REFUNDED")
)

// Families are the words of the families with their statuses, for descriptions.
func Families() map[string][]string {
	return map[string][]string{
		"failed": failed.names(), "pending": pending.names(), "successful": succeeded.names(),
		"authorizations": authorizations.names(), "captures": captures.names(),
		"refunds": refunds.names(), "refunded": refunded.names(),
	}
}

// ParseStatus reads one status or family, as a status field gives it:
// CAPTURE_FAILED, "capture failed", failed, 환불. An [*UnknownWord] names the
// nearest.
func ParseStatus(word string) ([]string, error) {
	if err := checkText(word); err != nil {
		return nil, err
	}
	trimmed := strings.TrimSpace(word)
	if e, end := lookup(trimmed, 0, kindStatus); e != nil && end == len(trimmed) {
		return e.set.names(), nil
	}
	return nil, unknownStatus(trimmed, 1)
}

// knownStatuses and whichStatus name what can be said, in refusals.
var (
	knownStatuses = "the statuses are " + strings.Join(allStatuses.names(), ", ") + "; the families are failed, pending, successful, authorizations, captures, refunds and refunded"
	whichStatus   = "which status? One must follow; " + knownStatuses
)

func unknownStatus(w string, position int) *UnknownWord {
	return &UnknownWord{Word: w, Nearest: nearest(w, statusWords), Position: position, Known: knownStatuses}
}
