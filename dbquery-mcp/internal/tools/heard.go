package tools

import (
	"fmt"
	"strings"

	"payops-mcp/dbquery-mcp/internal/paydb"
)

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
