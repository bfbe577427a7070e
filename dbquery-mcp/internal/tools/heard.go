package tools

import (
	"fmt"

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

// heard says how many shards answered, of how many.
func heard(asked []paydb.Asked) string {
	return fmt.Sprintf("%d of %d shards", len(asked)-len(silent(asked)), len(asked))
}
