package diagnose

import (
	"fmt"
	"strconv"
	"strings"

	"payops-mcp/dbquery-mcp/internal/paydb"
)

// Unexplained tells of payments that failed without a request that says why: the payment
// system writes both at once.
func (r Requests) Unexplained() (why []string) {
	for _, x := range r.each() {
		if ids := x.Facts.Unexplained; len(ids) > 0 || x.Facts.UnexplainedCut {
			why = append(why, unexplained(x.Shard, r.Kind, ids, x.Facts.UnexplainedCut))
		}
	}
	return why
}

func unexplained(shard string, kind paydb.RequestKind, ids []int64, atLeast bool) string {
	k := kinds[kind]
	var some []string
	for _, id := range first(4, ids) {
		some = append(some, strconv.FormatInt(id, 10))
	}
	return fmt.Sprintf("%s: %s %s with no %s request that says why (payment %s%s): trace_payment", shard, counted(len(ids), atLeast, "payment"), k.failedStatus, k.one, strings.Join(some, ", "), andMore(len(ids), 4))
}
