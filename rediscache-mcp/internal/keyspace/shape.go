package keyspace

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// shape is a template cut at its marks: literals[0] mark[0] literals[1] mark[1] …
// Braces that are none of its marks stand for themselves, so a Redis Cluster hash
// tag can be written: {{merchant_id}}:{action}.
type shape struct {
	text     string
	literals []string
	marks    []string
}

var mark = regexp.MustCompile(`\{[A-Za-z_ -]+\}`)

// parseShape takes a template that has each mark of must once, and each of may at
// most once. like is a template to show to whoever wrote another.
func parseShape(text string, must, may []string, like string) (shape, error) {
	known := slices.Concat(must, may)
	var wrong []error
	for _, m := range known {
		switch n := strings.Count(text, m); {
		case n > 1:
			wrong = append(wrong, fmt.Errorf("%s stands there more than once", m))
		case n == 0 && slices.Contains(must, m):
			wrong = append(wrong, fmt.Errorf("%s is missing%s", m, insteadOf(m, text, known)))
		}
	}
	if len(wrong) > 0 {
		return shape{}, fmt.Errorf("%w; want a key with %s in it, like %s", errors.Join(wrong...), strings.Join(must, " and "), like)
	}
	s := shape{text: text}
	rest := text
	for {
		at, next := len(rest), ""
		for _, m := range known {
			if i := strings.Index(rest, m); i >= 0 && i < at {
				at, next = i, m
			}
		}
		s.literals = append(s.literals, rest[:at])
		if next == "" {
			return s, nil
		}
		s.marks = append(s.marks, next)
		rest = rest[at+len(next):]
	}
}

// insteadOf names a mark in s that is none of ours and may have been meant.
func insteadOf(missing, s string, known []string) string {
	unknown := slices.DeleteFunc(mark.FindAllString(s, -1), func(m string) bool { return slices.Contains(known, m) })
	if len(unknown) == 0 {
		return ""
	}
	return fmt.Sprintf(" (%s is not %s)", unknown[0], missing)
}

// fill puts a value in place of each mark. A mark inside a value stays what it is.
func (s shape) fill(values map[string]string) string {
	var b strings.Builder
	for i, literal := range s.literals {
		b.WriteString(literal)
		if i < len(s.marks) {
			b.WriteString(values[s.marks[i]])
		}
	}
	return b.String()
}

// pattern is the pattern of SCAN for all keys of the shape; marks that have a
// value stand for exactly that.
func (s shape) pattern(values map[string]string) string {
	var b strings.Builder
	for i, literal := range s.literals {
		b.WriteString(escapeGlob(literal))
		if i == len(s.marks) {
			break
		}
		if v, ok := values[s.marks[i]]; ok {
			b.WriteString(escapeGlob(v))
		} else {
			b.WriteByte('*')
		}
	}
	return b.String()
}

// has reports whether a key has the shape, with something in place of each mark.
func (s shape) has(key string) bool {
	last := len(s.literals) - 1
	rest, ok := strings.CutPrefix(key, s.literals[0])
	if !ok {
		return false
	}
	if rest, ok = strings.CutSuffix(rest, s.literals[last]); !ok {
		return false
	}
	for _, literal := range s.literals[1:last] {
		if rest == "" {
			return false
		}
		i := strings.Index(rest[1:], literal)
		if i < 0 {
			return false
		}
		rest = rest[1+i+len(literal):]
	}
	return rest != ""
}

// escapeGlob makes a pattern of SCAN that matches exactly s.
func escapeGlob(s string) string {
	if !strings.ContainsAny(s, `*?[]^\`) {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if strings.IndexByte(`*?[]^\`, s[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
