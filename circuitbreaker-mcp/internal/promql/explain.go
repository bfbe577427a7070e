package promql

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"payops-mcp/shared/foreign"
)

// maxShown is how many names or values an explanation lists.
const maxShown = 6

// whyEmpty says why an expression gave nothing: which metric or label does not
// exist in the time, and what does. An explanation that cannot be had is left out.
func (c *Client) whyEmpty(ctx context.Context, e Expression, s Span, counts []int) (why []string) {
	for i, sel := range e.selectors {
		if i < len(counts) && counts[i] > 0 {
			continue
		}
		if text := c.whyNone(ctx, sel, s); text != "" && !slices.Contains(why, text) {
			why = append(why, text)
		}
	}
	if len(why) == 0 && len(e.selectors) > 0 {
		why = append(why, "the series exist and the expression keeps none of them: a comparison is never true, a window in brackets holds fewer than two scrapes, or the two sides of an operator have no labels in common")
	}
	return why
}

// whyNone explains one selector that takes in nothing.
func (c *Client) whyNone(ctx context.Context, sel selector, s Span) string {
	if sel.metric == "" {
		return "no series matches " + sel.text + " in this time"
	}
	name := foreign.Text(sel.metric).Quoted()
	base := labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, sel.metric)
	if !c.any(ctx, s, base) {
		text := "there is no metric " + name + " in this time"
		if near := nearest(sel.metric, c.values(ctx, s, model.MetricNameLabel)); len(near) > 0 {
			text += "; there is " + quotedList(near)
		}
		return text
	}
	for _, m := range sel.matchers {
		if m.Name == model.MetricNameLabel || c.any(ctx, s, base, m) {
			continue
		}
		there := c.values(ctx, s, m.Name, base)
		if len(there) == 0 {
			return fmt.Sprintf("%s has no label %s; it has %s", name, foreign.Text(m.Name).Quoted(), quotedList(c.labelNames(ctx, s, base)))
		}
		return fmt.Sprintf("no %s has %s; there %s is %s", name, m.String(), foreign.Text(m.Name).Quoted(), quotedList(there))
	}
	if len(sel.matchers) > 2 {
		all := c.any(ctx, s, sel.matchers...)
		if !all {
			return "each label of " + sel.text + " exists and no series has them all"
		}
	}
	return sel.text + " has samples in this time and none at its end: it is no longer scraped"
}

// any reports whether any series matches within a time. Where that cannot be asked
// it says yes: nothing is then claimed to be missing.
func (c *Client) any(ctx context.Context, s Span, matchers ...*labels.Matcher) bool {
	args := within(s, matchers...)
	args.Set("limit", "1")
	list, err := c.list(ctx, "/api/v1/series", args)
	return err != nil || len(list) > 0
}

// values are those of a label, of series that match.
func (c *Client) values(ctx context.Context, s Span, label string, matchers ...*labels.Matcher) []string {
	list, _ := c.list(ctx, "/api/v1/label/"+url.PathEscape(label)+"/values", within(s, matchers...))
	return list
}

func (c *Client) labelNames(ctx context.Context, s Span, matchers ...*labels.Matcher) []string {
	list, _ := c.list(ctx, "/api/v1/labels", within(s, matchers...))
	return slices.DeleteFunc(list, func(name string) bool { return name == model.MetricNameLabel })
}

func within(s Span, matchers ...*labels.Matcher) url.Values {
	args := url.Values{"start": {stamp(s.Since)}, "end": {stamp(s.Until)}}
	if len(matchers) > 0 {
		var parts []string
		for _, m := range matchers {
			parts = append(parts, m.String())
		}
		args.Set("match[]", "{"+strings.Join(parts, ",")+"}")
	}
	return args
}

// list fetches one of the lists of the API; objects in it are told as "{}".
func (c *Client) list(ctx context.Context, path string, args url.Values) ([]string, error) {
	body, err := c.get(ctx, path, args)
	if err != nil {
		return nil, err
	}
	p := parsers.Get()
	defer parsers.Put(p)
	top, err := p.ParseBytes(body)
	if err != nil {
		return nil, notPrometheus(body, err)
	}
	var all []string
	for _, v := range top.GetArray("data") {
		if s, err := v.StringBytes(); err == nil {
			all = append(all, string(s))
		} else {
			all = append(all, "{}")
		}
	}
	return all, nil
}

// nearest are the names most like one: those that share most of its words, then
// those with the fewest letters changed.
func nearest(name string, all []string) []string {
	type near struct {
		name   string
		shared int
		far    int
	}
	words := strings.FieldsFunc(name, func(r rune) bool { return r == '_' || r == ':' })
	var list []near
	for _, other := range all {
		n := near{name: other, far: levenshtein.Distance(name, other, nil)}
		for _, w := range words {
			if len(w) > 2 && strings.Contains(other, w) {
				n.shared++
			}
		}
		if n.shared*2 >= len(words) || n.far <= max(3, len(name)/4) {
			list = append(list, n)
		}
	}
	slices.SortFunc(list, func(a, b near) int {
		return cmp.Or(cmp.Compare(b.shared, a.shared), cmp.Compare(a.far, b.far), cmp.Compare(a.name, b.name))
	})
	var names []string
	for _, n := range list[:min(len(list), maxShown)] {
		names = append(names, n.name)
	}
	return names
}

func quotedList(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	var parts []string
	for _, n := range names[:min(len(names), maxShown)] {
		parts = append(parts, foreign.Text(n).Quoted())
	}
	text := strings.Join(parts, ", ")
	if more := len(names) - maxShown; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
