// Package keyspace knows the shapes of the payment system's Redis keys. The key of
// one merchant is always made exactly: colons, braces, glob characters and line
// breaks in an id are just part of its key. A pattern is made only to scan for all
// keys of a shape, and what it finds is read back by the same shape.
package keyspace

import (
	"fmt"
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
	idemMark     = "{idempotency_key}"
)

// RateTemplate is the shape of the keys that count requests, for example
// rate:{action}:{merchant_id}.
type RateTemplate struct{ shape }

// UnmarshalText takes a template that has both marks, each once.
func (t *RateTemplate) UnmarshalText(text []byte) (err error) {
	t.shape, err = parseShape(string(text), []string{actionMark, merchantMark}, nil, "rate:{action}:{merchant_id}")
	return err
}

// Key returns the key of one merchant and action.
func (t RateTemplate) Key(action Action, merchant string) string {
	return t.fill(map[string]string{actionMark: string(action), merchantMark: merchant})
}

// Pattern returns the pattern of SCAN for the counters of an action, or of all
// when it is empty.
func (t RateTemplate) Pattern(action Action) string {
	if action == "" {
		return t.pattern(nil)
	}
	return t.pattern(map[string]string{actionMark: string(action)})
}

// Parse reads action and merchant out of a key. It reports false for a key that
// Key makes for no merchant and none of the actions.
func (t RateTemplate) Parse(key string) (Action, string, bool) {
	rest, ok := strings.CutPrefix(key, t.literals[0])
	if !ok {
		return "", "", false
	}
	if rest, ok = strings.CutSuffix(rest, t.literals[2]); !ok {
		return "", "", false
	}
	for _, a := range Actions {
		merchant, ok := strings.CutPrefix(rest, string(a)+t.literals[1])
		if t.marks[0] == merchantMark {
			merchant, ok = strings.CutSuffix(rest, t.literals[1]+string(a))
		}
		if ok && merchant != "" {
			return a, merchant, true
		}
	}
	return "", "", false
}

// Has reports whether a key is one of the template's, whatever its action: a
// counter that no action of ours has is still one of this family.
func (t RateTemplate) Has(key string) bool { return t.has(key) }

// String returns the template as it was set.
func (t RateTemplate) String() string { return t.text }

// IdemTemplate is the shape of the keys that hold cached answers, for example
// idem:{action}:{merchant_id}:{idempotency_key}. Only authorizations are cached.
type IdemTemplate struct{ shape }

// UnmarshalText takes a template that has the marks of merchant and key, each once.
func (t *IdemTemplate) UnmarshalText(text []byte) (err error) {
	t.shape, err = parseShape(string(text), []string{merchantMark, idemMark}, []string{actionMark}, "idem:{action}:{merchant_id}:{idempotency_key}")
	return err
}

// Key returns the key of one merchant's idempotency key.
func (t IdemTemplate) Key(merchant, key string) string {
	return t.fill(map[string]string{actionMark: string(Authorize), merchantMark: merchant, idemMark: key})
}

// Ambiguous reports whether the key made of these two is also that of another
// merchant's: what stands between the two marks stands in one of them too.
func (t IdemTemplate) Ambiguous(merchant, key string) bool {
	for i, m := range t.marks[:len(t.marks)-1] {
		if m == actionMark || t.marks[i+1] == actionMark {
			continue
		}
		between := t.literals[i+1]
		return between == "" || strings.Contains(merchant, between) || strings.Contains(key, between)
	}
	return false
}

// Pattern returns the pattern of SCAN for all cached answers.
func (t IdemTemplate) Pattern() string { return t.pattern(nil) }

// Has reports whether a key is one of the template's.
func (t IdemTemplate) Has(key string) bool { return t.has(key) }

// String returns the template as it was set.
func (t IdemTemplate) String() string { return t.text }

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
