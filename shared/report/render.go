package report

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

// Render returns the text and the structured form (JSON) of an answer, each of
// at most limit bytes: where they would be longer, the longest lists are cut, and
// the coverage says what is left of them. Below a limit of about 4000 bytes there
// may be nothing left to cut; the answer is then longer than asked for.
func (a Answer[D]) Render(limit int) (text string, structured []byte) {
	e := envelope{
		summary: a.Summary, verdict: a.Verdict, because: a.Because, findings: a.Findings,
		ruledOut: a.RuledOut, sources: a.Sources, coverage: a.Coverage, data: treeOf(reflect.ValueOf(a.Data)),
		sentence: maxOwn, whole: map[string]int{},
	}
	e.findings = slices.Clone(e.findings) // cutting one changes the element
	if !a.AsOf.IsZero() {
		e.asOf = a.AsOf.Format(timeFormat(a.AsOf))
	}
	for {
		tree := e.tree()
		t, j := e.text(tree), tree.encode()
		if len(t) <= limit && len(j) <= limit || !e.cut(limit) {
			return t, j
		}
	}
}

// envelope is an answer with its facts as a tree.
type envelope struct {
	summary  string
	verdict  catalog.Verdict
	because  string
	findings []Finding
	ruledOut []catalog.Code
	sources  []fault.Source
	coverage Coverage
	data     *node
	asOf     string

	sentence int            // characters of a sentence that are left
	whole    map[string]int // by path: how many items a list had before it was cut
	cuts     []remarkOnCut
	without  []string // codes of findings that were left out
}

// tree is the structured form. Its last member marks text from outside where
// there is any.
func (e *envelope) tree() *node {
	n := object(field{"summary", own(e.summary)}, field{"verdict", own(string(e.verdict))})
	add := func(name string, v *node) { n.fields = append(n.fields, field{name, v}) }
	if e.because != "" {
		add("verdict_because", own(e.because))
	}
	findings := &node{kind: arrayNode}
	for _, f := range e.findings {
		findings.items = append(findings.items, findingNode(f))
	}
	add("findings", findings)
	add("ruled_out", treeOf(reflect.ValueOf(e.ruledOut)))
	add("sources", sourcesNode(e.sources))
	add("coverage", e.coverageNode())
	add("data", e.data)
	if e.asOf != "" {
		add("as_of", own(e.asOf))
	}
	if n.hasForeign() {
		add("notice", own(foreign.Notice))
	}
	return n
}

func (e *envelope) coverageNode() *node {
	c := e.coverage
	c.Not = slices.Clone(c.Not)
	for _, r := range e.cuts {
		c.Not = append(c.Not, r.path+": "+r.remark)
	}
	return treeOf(reflect.ValueOf(c))
}

func findingNode(f Finding) *node {
	n := object(
		field{"code", own(string(f.Code))}, field{"severity", own(string(f.Severity))}, field{"kind", own(string(f.Kind))},
		field{"claim", own(f.Claim)}, field{"evidence", treeOf(reflect.ValueOf(f.Evidence))})
	if f.Blast != "" {
		n.fields = append(n.fields, field{"blast_radius", own(f.Blast)})
	}
	n.fields = append(n.fields, field{"next_steps", treeOf(reflect.ValueOf(f.Next))})
	if f.Confirm != "" {
		n.fields = append(n.fields, field{"confirm_with", own(f.Confirm)})
	}
	if section := catalog.Section(f.Code); section != "" {
		n.fields = append(n.fields, field{"runbook", own(section)})
	}
	return n
}

func sourcesNode(sources []fault.Source) *node {
	n := &node{kind: arrayNode}
	for _, s := range sources {
		n.items = append(n.items, sourceNode(s))
	}
	return n
}

func sourceNode(s fault.Source) *node {
	n := object(field{"name", own(s.Name)}, field{"ok", treeOf(reflect.ValueOf(s.OK()))},
		field{"took_ms", treeOf(reflect.ValueOf(ms(s)))})
	if s.OK() {
		return n
	}
	n.fields = append(n.fields, field{"asked", own(s.Asked)}, field{"error", own(string(s.Err.Class))},
		field{"said", &node{kind: foreignNode, scalar: s.Err.Said.String()}})
	if s.Err.Next != "" {
		n.fields = append(n.fields, field{"next", own(s.Err.Next)})
	}
	return n
}

// ms is how long a source took, in milliseconds with one decimal.
func ms(s fault.Source) float64 { return math.Round(float64(s.Took.Microseconds())/100) / 10 }

// text is the text form of what stands in the tree.
func (e *envelope) text(tree *node) string {
	var b strings.Builder
	b.Grow(usual)
	line := func(parts ...string) {
		for _, p := range parts {
			b.WriteString(p)
		}
		b.WriteByte('\n')
	}
	clean := func(s string) string { return foreign.Clean(s, maxOwn) }

	line(clean(e.summary))
	if e.because != "" {
		line("verdict: ", string(e.verdict), " (", clean(e.because), ")")
	} else {
		line("verdict: ", string(e.verdict))
	}
	for i, f := range e.findings {
		line(strconv.Itoa(i+1), ". ", string(f.Code), " [", string(f.Severity), " ", string(f.Kind), "] ", clean(f.Claim))
		for _, v := range f.Evidence {
			at := ""
			if !v.At.IsZero() {
				at = " at " + v.At.Format(timeFormat(v.At))
			}
			line("   evidence: ", clean(v.Source), ", ", clean(v.Asked), ": ", clean(v.Value), at)
		}
		if f.Blast != "" {
			line("   hurts: ", clean(f.Blast))
		}
		for j, s := range f.Next {
			line("   next ", strconv.Itoa(j+1), ": ", clean(s))
		}
		if f.Confirm != "" {
			line("   confirm with: ", clean(f.Confirm))
		}
	}
	if sections := e.runbooks(); len(sections) > 0 {
		line("runbook: ", strings.Join(sections, ", "))
	}
	e.data.facts(&b)
	if len(e.findings) == 0 && len(e.ruledOut) > 0 {
		line("findings: none; no rule matched on these facts")
	}
	if len(e.ruledOut) > 0 {
		line("ruled out: ", tree.get("ruled_out").line())
	}
	if len(e.sources) > 0 {
		line("sources: ", e.sourcesLine())
	}
	if c := tree.get("coverage").line(); c != "truncated=false" {
		line("coverage: ", c)
	}
	if e.asOf != "" {
		line("as of: ", e.asOf)
	}
	if notice := tree.get("notice"); notice != nil {
		line("note: ", notice.scalar)
	}
	return b.String()
}

// runbooks are the sections that tell what to do about the findings. The text
// names them on one line, for every token is paid for; the structure with each.
func (e *envelope) runbooks() (sections []string) {
	for _, f := range e.findings {
		if s := catalog.Section(f.Code); s != "" && !slices.Contains(sections, s) {
			sections = append(sections, s)
		}
	}
	return sections
}

func (e *envelope) sourcesLine() string {
	parts := make([]string, len(e.sources))
	told := map[failure]bool{}
	for i, s := range e.sources {
		name := foreign.Clean(s.Name, maxOwn)
		if s.OK() {
			parts[i] = fmt.Sprintf("%s ok %v ms", name, ms(s))
			continue
		}
		f := failureOf(s)
		if told[f] { // of ten brokers that are gone, one says it all
			parts[i] = fmt.Sprintf("%s FAILED in the same way after %v ms", name, ms(s))
			continue
		}
		told[f] = true
		parts[i] = fmt.Sprintf("%s FAILED (%s after %v ms, asked %s, said %s)", name, s.Err.Class, ms(s),
			foreign.Clean(s.Asked, maxOwn), s.Err.Said.Quoted())
		if s.Err.Next != "" {
			parts[i] += " " + foreign.Clean(s.Err.Next, maxOwn)
		}
	}
	return strings.Join(parts, "; ")
}

// failure is how a source failed, but for its address.
type failure struct{ kind, class, asked, said, next string }

func failureOf(s fault.Source) failure {
	kind, address, _ := strings.Cut(s.Name, " ")
	without := func(text string) string {
		if address == "" {
			return text
		}
		return strings.ReplaceAll(text, address, "")
	}
	return failure{kind, string(s.Err.Class), without(s.Asked), without(string(s.Err.Said)), s.Err.Next}
}
