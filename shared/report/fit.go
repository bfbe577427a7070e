package report

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"payops-mcp/shared/catalog"
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
	longest := e.longest()
	for _, l := range longest {
		l.halve()
		if e.whole[l.path] == 0 {
			e.whole[l.path] = l.n
		}
		left := ""
		if l.path == "findings" {
			left = ", without " + strings.Join(e.without, ", ")
		}
		e.tellCut(l.path, fmt.Sprintf("%d of %d shown%s, the answer is capped at %d bytes", half(l.n), e.whole[l.path], left, limit))
	}
	switch {
	case len(longest) > 0:
		return true
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

// longest returns the list of more than one item that takes the most bytes. Where
// that is the findings, it returns the longest of what they hold, as long as one holds
// more than one piece of evidence or one step.
func (e *envelope) longest() []list {
	var best list
	take := func(path string, l *node, halve func()) {
		if n, size := len(l.items), l.size(); n > 1 && size > best.size {
			best = list{path, n, size, halve}
		}
	}
	var inside []list
	findings := &node{kind: arrayNode}
	for i := range e.findings {
		f, path := &e.findings[i], findingPath(i)
		n := findingNode(*f)
		findings.items = append(findings.items, n)
		hold := func(name string, halve func()) {
			if l := n.get(name); len(l.items) > 1 {
				inside = append(inside, list{path + name, len(l.items), l.size(), halve})
			}
		}
		hold("evidence", func() { f.Evidence = f.Evidence[:half(len(f.Evidence))] })
		hold("next_steps", func() { f.Next = f.Next[:half(len(f.Next))] })
	}
	for _, l := range inside {
		if l.size > best.size {
			best = l
		}
	}
	take("ruled_out", treeOf(reflect.ValueOf(e.ruledOut)), func() { e.ruledOut = e.ruledOut[:half(len(e.ruledOut))] })
	take("sources", sourcesNode(e.sources), func() { e.sources = e.sources[:half(len(e.sources))] })
	c := &e.coverage
	take("looked", treeOf(reflect.ValueOf(c.Looked)), func() { c.Looked = c.Looked[:half(len(c.Looked))] })
	take("not_looked", treeOf(reflect.ValueOf(c.Not)), func() { c.Not = c.Not[:half(len(c.Not))] })
	e.data.lists("data", func(path string, n *node) {
		take(path, n, func() { n.items = n.items[:half(len(n.items))] })
	})
	take("findings", findings, e.halveFindings)
	switch {
	case best.halve == nil:
		return nil
	case best.path == "findings" && len(inside) > 0:
		most := slices.MaxFunc(inside, func(a, b list) int { return cmp.Compare(a.size, b.size) }).size
		return slices.DeleteFunc(inside, func(l list) bool { return l.size <= most/2 }) // as long as each other: at once
	}
	return []list{best}
}

func findingPath(i int) string { return fmt.Sprintf("findings[%d].", i) }

// halveFindings leaves the worse half of the findings in their order, and notes the
// codes of the others. What was said of parts of findings goes with them.
func (e *envelope) halveFindings() {
	order := make([]int, len(e.findings))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return moreWorth(e.findings[a], e.findings[b]) })
	for _, i := range order[half(len(order)):] {
		if code := string(e.findings[i].Code); !slices.Contains(e.without, code) {
			e.without = append(e.without, code)
		}
	}
	kept := slices.Sorted(slices.Values(order[:half(len(order))]))
	var findings []Finding
	var cuts []remarkOnCut
	whole := map[string]int{}
	for path, n := range e.whole {
		if !strings.HasPrefix(path, "findings[") {
			whole[path] = n
		}
	}
	for _, c := range e.cuts {
		if !strings.HasPrefix(c.path, "findings[") {
			cuts = append(cuts, c)
		}
	}
	for now, i := range kept {
		findings = append(findings, e.findings[i])
		for _, c := range e.cuts {
			if part, ok := strings.CutPrefix(c.path, findingPath(i)); ok {
				path := findingPath(now) + part
				cuts, whole[path] = append(cuts, remarkOnCut{path, c.remark}), e.whole[c.path]
			}
		}
	}
	e.findings, e.cuts, e.whole = findings, cuts, whole
}

// moreWorth orders findings by what an answer can do without last: what makes it
// critical, then what makes it not well, the more severe first, a missing source
// before what is as severe.
func moreWorth(a, b Finding) int {
	state := func(f Finding) int {
		switch f.Verdict {
		case catalog.CriticalVerdict:
			return 0
		case catalog.OK:
			return 2
		}
		return 1
	}
	source := func(f Finding) int {
		if f.Kind == catalog.Source {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(state(a), state(b)), cmp.Compare(a.Severity.Rank(), b.Severity.Rank()), cmp.Compare(source(a), source(b)))
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
