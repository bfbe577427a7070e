package report

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"payops-mcp/shared/foreign"
)

// shortest is how far our own sentences are cut, in characters, before an answer
// is let out over its cap.
const shortest = 25

// cut makes an answer smaller and says in the coverage what was left out. It
// halves the longest list; when no list is left to halve it drops the facts if
// they are most of the answer, then shortens sentences. It reports whether there
// was anything to cut. The verdict was concluded before and stays.
func (e *envelope) cut(limit int) bool {
	l := e.longest()
	switch {
	case l.halve != nil:
		l.halve()
		if e.whole[l.path] == 0 {
			e.whole[l.path] = l.n
		}
		e.tellCut(l.path, fmt.Sprintf("%d of %d shown, the answer is capped at %d bytes", half(l.n), e.whole[l.path], limit))
	case e.data.size() > limit/2:
		e.dropData(limit)
	case e.sentence > shortest:
		e.sentence /= 2
		e.shorten(e.sentence)
		e.tellCut("sentences", fmt.Sprintf("shortened, the answer is capped at %d bytes", limit))
	case e.data.kind != nullNode:
		e.dropData(limit)
	default:
		return false
	}
	return true
}

func (e *envelope) dropData(limit int) {
	e.data = &node{}
	e.tellCut("data", fmt.Sprintf("left out, the answer is capped at %d bytes", limit))
}

// tellCut keeps one remark for each path. The next page would not bring back
// facts that are left out here, so then a cursor is withdrawn.
func (e *envelope) tellCut(path, remark string) {
	e.coverage.Cut = true
	if facts := strings.HasPrefix(path, "data"); facts || e.coverage.More == "" {
		e.coverage.Cursor = ""
		e.coverage.More = "narrow the question, or ask with a smaller limit"
	}
	same := func(r remarkOnCut) bool { return r.path == path }
	e.cuts = append(slices.DeleteFunc(e.cuts, same), remarkOnCut{path, remark})
}

// remarkOnCut says what is left of a part of the answer.
type remarkOnCut struct{ path, remark string }

// list is a list that can be halved.
type list struct {
	path  string
	n     int // items
	size  int
	halve func()
}

func half(n int) int { return (n + 1) / 2 }

// longest returns the list of more than one item that takes the most bytes.
func (e *envelope) longest() (best list) {
	take := func(path string, l *node, halve func()) {
		if n, size := len(l.items), l.size(); n > 1 && size > best.size {
			best = list{path, n, size, halve}
		}
	}
	findings := &node{kind: arrayNode}
	for i := range e.findings {
		f, path := &e.findings[i], fmt.Sprintf("findings[%d].", i)
		n := findingNode(*f)
		findings.items = append(findings.items, n)
		take(path+"evidence", n.get("evidence"), func() { f.Evidence = f.Evidence[:half(len(f.Evidence))] })
		take(path+"next_steps", n.get("next_steps"), func() { f.Next = f.Next[:half(len(f.Next))] })
	}
	take("findings", findings, func() { e.findings = e.findings[:half(len(e.findings))] })
	take("ruled_out", treeOf(reflect.ValueOf(e.ruledOut)), func() { e.ruledOut = e.ruledOut[:half(len(e.ruledOut))] })
	take("sources", sourcesNode(e.sources), func() { e.sources = e.sources[:half(len(e.sources))] })
	c := &e.coverage
	take("looked", treeOf(reflect.ValueOf(c.Looked)), func() { c.Looked = c.Looked[:half(len(c.Looked))] })
	take("not_looked", treeOf(reflect.ValueOf(c.Not)), func() { c.Not = c.Not[:half(len(c.Not))] })
	e.data.lists("data", func(path string, n *node) {
		take(path, n, func() { n.items = n.items[:half(len(n.items))] })
	})
	return best
}

// lists visits the lists below n that are not inside of a longer list.
func (n *node) lists(path string, visit func(path string, list *node)) {
	switch {
	case n == nil:
		return
	case n.kind == arrayNode && len(n.items) == 1:
		n.items[0].lists(path+"[0]", visit)
	case n.kind == arrayNode, n.kind == proseNode:
		visit(path, n)
	}
	for _, f := range n.fields {
		f.node.lists(path+"."+f.name, visit)
	}
}

// shorten cuts every sentence to limit characters. A cursor is no sentence.
func (e *envelope) shorten(limit int) {
	cut := func(all ...*string) {
		for _, s := range all {
			*s = foreign.Clean(*s, limit)
		}
	}
	cutEach := func(lines []string) []string {
		lines = slices.Clone(lines)
		for i := range lines {
			cut(&lines[i])
		}
		return lines
	}
	c := &e.coverage
	cut(&e.summary, &e.because, &c.Window, &c.More)
	c.Looked, c.Not = cutEach(c.Looked), cutEach(c.Not)

	e.findings = slices.Clone(e.findings)
	for i := range e.findings {
		f := &e.findings[i]
		cut(&f.Claim, &f.Blast, &f.Confirm)
		f.Next, f.Evidence = cutEach(f.Next), slices.Clone(f.Evidence)
		for j := range f.Evidence {
			cut(&f.Evidence[j].Source, &f.Evidence[j].Asked, &f.Evidence[j].Value)
		}
	}
	e.sources = slices.Clone(e.sources)
	for i := range e.sources {
		s := &e.sources[i]
		cut(&s.Name, &s.Asked)
		if !s.OK() {
			failure := *s.Err
			failure.Said = foreign.Text(foreign.Clean(string(failure.Said), limit))
			cut(&failure.Next)
			s.Err = &failure
		}
	}
}
