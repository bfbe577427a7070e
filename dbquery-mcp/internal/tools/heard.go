package tools

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"payops-mcp/dbquery-mcp/internal/diagnose"
	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/shared/fault"
)

const (
	// sampleApart is how long a second look comes after the first, when the first saw
	// something amiss.
	sampleApart = 2 * time.Second
	// tailTime is kept for putting the answer together.
	tailTime = 500 * time.Millisecond
)

// again waits until a second look is due. It reports false at once where the call
// would end before one that takes as long as the first did.
func again(ctx context.Context, took time.Duration) bool {
	if end, bounded := ctx.Deadline(); bounded && time.Until(end) < sampleApart+took+tailTime {
		return false
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(sampleApart):
		return true
	}
}

// known puts the first reply in the place of a second that did not come in time,
// and names the shards of those. A shard whose server is gone is told as it is now.
func known[T any](first, second []paydb.Reply[T]) (late []string) {
	for i := range second {
		a := second[i].Asked
		if a.Source.OK() || !first[i].Source.OK() || diagnose.Dead(a) && a.Source.Err.Class != fault.Timeout {
			continue
		}
		second[i] = first[i]
		late = append(late, a.Shard)
	}
	return late
}

// lookedOnce says that some shards were looked at once, where twice was due.
func lookedOnce(late []string) string {
	return "no time for a second look at " + strings.Join(slices.Compact(slices.Sorted(slices.Values(late))), ", ") + ": what is found there may pass"
}

// asked are the replies without their facts.
func asked[T any](replies []paydb.Reply[T]) []paydb.Asked {
	all := make([]paydb.Asked, len(replies))
	for i, r := range replies {
		all[i] = r.Asked
	}
	return all
}

// silent names the shards that did not answer.
func silent(asked []paydb.Asked) (names []string) {
	for _, a := range asked {
		if !a.Source.OK() {
			names = append(names, a.Shard)
		}
	}
	return names
}

// partly is what must be heard before any number when a shard did not answer, and
// empty when all did.
func partly(asked []paydb.Asked) string {
	failed := silent(asked)
	if len(failed) == 0 {
		return ""
	}
	return "PARTIAL, " + strings.Join(failed, ", ") + " did not answer: "
}

// heard says how many shards answered, of how many.
func heard(asked []paydb.Asked) string {
	return fmt.Sprintf("%d of %d shards", len(asked)-len(silent(asked)), len(asked))
}
