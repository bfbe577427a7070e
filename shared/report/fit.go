package report

import (
	"fmt"
	"strings"
)

// cut makes an answer smaller: it halves the longest list of facts and says so
// in the coverage. When no list is left to halve it drops the facts. It reports
// whether there was anything to cut.
func (e *envelope) cut(limit int) bool {
	list, path := longest(e.data, "data")
	if list == nil {
		if e.data.kind == nullNode {
			return false
		}
		e.data = &node{}
		e.tellCut("data", fmt.Sprintf("data: left out, it alone is over %d bytes", limit))
		return true
	}
	list.items = list.items[:len(list.items)/2]
	e.tellCut(path, fmt.Sprintf("%s: %d of %d shown, the answer is capped at %d bytes", path, len(list.items), list.of, limit))
	return true
}

// tellCut keeps one remark for each path.
func (e *envelope) tellCut(path, remark string) {
	e.coverage.Cut = true
	if e.coverage.More == "" {
		e.coverage.More = "narrow the question, or ask with a smaller limit"
	}
	var keep []string
	for _, r := range e.coverage.Not {
		if !strings.HasPrefix(r, path+": ") {
			keep = append(keep, r)
		}
	}
	e.coverage.Not = append(keep, remark)
}

// longest returns the list below n that takes the most bytes.
func longest(n *node, path string) (list *node, where string) {
	size := 0
	var walk func(n *node, path string)
	walk = func(n *node, path string) {
		if n.kind == arrayNode && len(n.items) > 0 {
			var b strings.Builder
			n.json(&b)
			if b.Len() > size {
				size, list, where = b.Len(), n, path
			}
		}
		for _, f := range n.fields {
			walk(f.node, path+"."+f.name)
		}
	}
	walk(n, path)
	return list, where
}
