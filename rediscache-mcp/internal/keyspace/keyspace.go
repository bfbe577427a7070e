// Package keyspace knows the shapes of the payment system's Redis keys. A key is
// always made for one exact merchant id: nothing here is a pattern, so colons,
// braces, glob characters and line breaks in an id are just part of its key.
package keyspace

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Action is what the ingest service limits, each in a window of its own.
type Action string

// The actions that are limited.
const (
	Authorize Action = "authorize"
	Capture   Action = "capture"
	Refund    Action = "refund"
)

// Actions are all actions, in the order in which a payment meets them.
var Actions = []Action{Authorize, Capture, Refund}

const (
	actionMark   = "{action}"
	merchantMark = "{merchant_id}"
)

// RateTemplate is the shape of the keys that count requests, for example
// rate:{action}:{merchant_id}. Braces that are not one of its two marks stand for
// themselves, so a Redis Cluster hash tag can be written: {{merchant_id}}:{action}.
type RateTemplate struct{ text string }

var mark = regexp.MustCompile(`\{[A-Za-z_ -]+\}`)

// UnmarshalText takes a template that has both marks, each once.
func (t *RateTemplate) UnmarshalText(text []byte) error {
	s := string(text)
	var wrong []error
	for _, m := range []string{actionMark, merchantMark} {
		switch strings.Count(s, m) {
		case 1:
		case 0:
			wrong = append(wrong, fmt.Errorf("%s is missing%s", m, insteadOf(m, s)))
		default:
			wrong = append(wrong, fmt.Errorf("%s stands there more than once", m))
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%w; want a key with %s and %s in it, like rate:%[2]s:%[3]s", errors.Join(wrong...), actionMark, merchantMark)
	}
	t.text = s
	return nil
}

// insteadOf names a mark in s that is none of ours and may have been meant.
func insteadOf(missing, s string) string {
	unknown := slices.DeleteFunc(mark.FindAllString(s, -1), func(m string) bool { return m == actionMark || m == merchantMark })
	if len(unknown) == 0 {
		return ""
	}
	return fmt.Sprintf(" (%s is not %s)", unknown[0], missing)
}

// Key returns the key of one merchant and action.
func (t RateTemplate) Key(action Action, merchant string) string {
	// In one pass: a mark inside a merchant id stays what it is.
	return strings.NewReplacer(actionMark, string(action), merchantMark, merchant).Replace(t.text)
}

// String returns the template as it was set.
func (t RateTemplate) String() string { return t.text }

// Lookalikes returns the ids that may have been meant when a merchant id has no
// keys: without the white space around it, and in one case.
func Lookalikes(id string) []string {
	trimmed := strings.TrimSpace(id)
	var likely []string
	for _, l := range []string{trimmed, strings.ToUpper(trimmed), strings.ToLower(trimmed)} {
		if l != "" && l != id && !slices.Contains(likely, l) {
			likely = append(likely, l)
		}
	}
	return likely
}

// CLI returns key as redis-cli takes it inside double quotes, whatever is in it.
func CLI(key string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(key) {
		switch c := key[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
