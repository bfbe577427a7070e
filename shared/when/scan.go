package when

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// scanner walks over the text of a phrase. Its methods either consume what
// they look for or leave the position alone.
type scanner struct {
	s string
	i int
}

func (c *scanner) rest() string { return c.s[c.i:] }
func (c *scanner) end() bool    { return c.i == len(c.s) }

// next is the rune at the position, or utf8.RuneError at the end.
func (c *scanner) next() rune {
	r, _ := utf8.DecodeRuneInString(c.rest())
	return r
}

// space skips white space and the underscores of last_24h.
func (c *scanner) space() {
	for !c.end() {
		r, n := utf8.DecodeRuneInString(c.rest())
		if !unicode.IsSpace(r) && r != '_' {
			return
		}
		c.i += n
	}
}

// try runs f and takes its movement back when it reports false.
func (c *scanner) try(f func() bool) bool {
	at := c.i
	if f() {
		return true
	}
	c.i = at
	return false
}

// lit consumes the literal s, without regard to what follows.
func (c *scanner) lit(s string) bool {
	if strings.HasPrefix(c.rest(), s) {
		c.i += len(s)
		return true
	}
	return false
}

// letters returns the run of ASCII letters at the position, lower-cased, if it
// ends there: Korean may follow without a space, other letters may not.
func (c *scanner) letters() string {
	n := 0
	for n < len(c.rest()) && isASCIILetter(c.rest()[n]) {
		n++
	}
	if r, _ := utf8.DecodeRuneInString(c.rest()[n:]); n < len(c.rest()) && unicode.IsLetter(r) && !unicode.Is(unicode.Hangul, r) {
		return ""
	}
	return strings.ToLower(c.rest()[:n])
}

// word consumes one of the English words; no letter or digit may follow it.
func (c *scanner) word(words ...string) string {
	got := c.letters()
	for _, w := range words {
		if got == w {
			if after := c.rest()[len(w):]; after != "" && isDigit(after[0]) {
				return ""
			}
			c.i += len(w)
			return w
		}
	}
	return ""
}

// phrase consumes words separated by spaces, English or Korean.
func (c *scanner) phrase(words string) bool {
	return c.try(func() bool {
		for n, w := range strings.Fields(words) {
			if n > 0 {
				before := c.i
				c.space()
				if c.i == before {
					return false
				}
			}
			if isASCIILetter(w[0]) {
				if c.word(w) == "" {
					return false
				}
			} else if !c.lit(w) {
				return false
			}
		}
		return true
	})
}

// digits consumes between lo and hi digits, of which no more may follow.
func (c *scanner) digits(lo, hi int) (n int, ok bool) {
	k := 0
	for k < len(c.rest()) && isDigit(c.rest()[k]) {
		if k < hi {
			n = n*10 + int(c.rest()[k]-'0')
		}
		k++
	}
	if k < lo || k > hi {
		return 0, false
	}
	c.i += k
	return n, true
}

// atBoundary reports whether no digit, no letter but Hangul and nothing that
// would go on with a number follows.
func (c *scanner) atBoundary() bool {
	if c.end() {
		return true
	}
	r, n := utf8.DecodeRuneInString(c.rest())
	switch {
	case r == '.', r == ',', r == ':':
		return c.i+n == len(c.s) || !isDigit(c.s[c.i+n])
	case unicode.Is(unicode.Hangul, r):
		return true
	}
	return !unicode.IsLetter(r) && !unicode.IsDigit(r)
}

// hangulFollows reports whether a Korean word goes on at the position.
func (c *scanner) hangulFollows() bool { return unicode.Is(unicode.Hangul, c.next()) }

func isDigit(b byte) bool       { return '0' <= b && b <= '9' }
func isASCIILetter(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' }
