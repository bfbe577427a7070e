package gate

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind int

const (
	endOfText tokenKind = iota
	word                // a bare word; value is in capitals
	name                // a name in backticks, or a bare word that no keyword can be; value is the name
	text                // a string; value is what it says
	number              // 12, 1.5, 1e3
	bytes               // 0x41, x'41', b'01'
	sign                // an operator or punctuation
)

type token struct {
	kind       tokenKind
	value      string
	start, end int // in the source
	// glued: nothing stands between it and the token before it.
	glued bool
}

// lexer cuts a text into tokens as MariaDB does with the sql_mode that paydb sets.
// Where MariaDB's reading would hang on sql_mode, version or character set, it
// refuses.
type lexer struct {
	s       string
	at      int
	tokens  []token
	refusal *Refusal
}

func lex(s string) ([]token, *Refusal) {
	l := &lexer{s: s}
	if len(s) > MaxBytes {
		return nil, &Refusal{What: fmt.Sprintf("the text has %d bytes, at most %d are read", len(s), MaxBytes), Place: Place{1, 1}}
	}
	if i := strings.IndexByte(s, 0); i >= 0 {
		return nil, refuse(s, i, "a NUL byte", "")
	}
	for i, r := range s {
		if r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD") {
			return nil, refuse(s, i, "bytes that are no UTF-8", "")
		}
	}
	for l.refusal == nil {
		glued := !l.space()
		if l.refusal != nil {
			break
		}
		start := l.at
		if start == len(s) {
			l.tokens = append(l.tokens, token{kind: endOfText, start: start, end: start})
			break
		}
		t := l.next()
		t.start, t.end, t.glued = start, l.at, glued
		if len(t.value) > maxLiteral*utf8.UTFMax || utf8.RuneCountInString(t.value) > maxLiteral {
			l.refuse(start, fmt.Sprintf("a literal of more than %d characters", maxLiteral), "Shorten it")
		}
		l.tokens = append(l.tokens, t)
		if len(l.tokens) > maxTokens {
			l.refuse(start, fmt.Sprintf("more than %d words and signs", maxTokens), "Ask in several statements")
		}
	}
	return l.tokens, l.refusal
}

func refuse(source string, at int, what, instead string) *Refusal {
	before := source[:min(at, len(source))]
	line := strings.LastIndexByte(before, '\n') + 1
	return &Refusal{What: what, Instead: instead, Place: Place{strings.Count(before, "\n") + 1, utf8.RuneCountInString(before[line:]) + 1}}
}

func (l *lexer) refuse(at int, what, instead string) {
	if l.refusal == nil {
		l.refusal = refuse(l.s, at, what, instead)
	}
}

func (l *lexer) has(prefix string) bool { return strings.HasPrefix(l.s[l.at:], prefix) }

// isSpace is what MariaDB takes for white space.
func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// space skips white space and comments, and reports whether there was any.
func (l *lexer) space() (some bool) {
	for l.at < len(l.s) && l.refusal == nil {
		switch c := l.s[l.at]; {
		case isSpace(c):
			l.at++
		case c == '#', l.has("--") && (l.at+2 == len(l.s) || l.s[l.at+2] <= ' ' || l.s[l.at+2] == 0x7f):
			if end := strings.IndexByte(l.s[l.at:], '\n'); end >= 0 {
				l.at += end + 1
			} else {
				l.at = len(l.s)
			}
		case l.has("/*"):
			l.comment()
		default:
			return some
		}
		some = true
	}
	return some
}

func (l *lexer) comment() {
	inside := l.s[l.at+2:]
	switch {
	case strings.HasPrefix(inside, "!"), strings.HasPrefix(inside, "M!"), strings.HasPrefix(inside, "m!"):
		l.refuse(l.at, "a comment that MariaDB executes (/*! or /*M!)", "Write the SQL without it")
		return
	case strings.HasPrefix(inside, "+"):
		l.refuse(l.at, "an optimizer hint (/*+)", "Leave it out; time and rows are bounded anyway")
		return
	}
	end := strings.Index(inside, "*/")
	if end < 0 {
		l.refuse(l.at, "a comment without an end", "")
		return
	}
	l.at += 2 + end + 2
}

// signs are the operators and punctuation of the grammar, longer ones first.
var signs = []string{"<=>", "<=", ">=", "<>", "!=", "<<", ">>", "&&", "(", ")", ",", ".", ";", "+", "-", "*", "/", "%", "=", "<", ">", "&", "|", "^", "~", "!"}

// foreignSigns are refused with what to write instead.
var foreignSigns = []struct{ sign, what, instead string }{
	{"||", "||, which is OR or a concatenation, depending on sql_mode", "Write OR, or CONCAT(a, b)"},
	{":=", "an assignment (:=)", "User variables are not allowed; WITH names a subquery, and window functions number rows"},
	{"->>", "the operator ->>, which MariaDB does not have", "Write JSON_VALUE(column, '$.field')"},
	{"->", "the operator ->, which MariaDB does not have", "Write JSON_EXTRACT(column, '$.field')"},
	{"\\", "a backslash outside of a string", ""},
	{"?", "a placeholder (?)", "Write the value itself"},
	{"{", "an ODBC escape ({)", "Write DATE '2026-01-31' or TIMESTAMP '2026-01-31 14:00:00'"},
}

func (l *lexer) next() token {
	switch c := l.s[l.at]; {
	case c == '\'' || c == '"':
		return token{kind: text, value: l.quoted(c, true)}
	case c == '`':
		v := l.quoted('`', false)
		if v == "" || strings.HasSuffix(v, " ") || strings.ContainsFunc(v, func(r rune) bool { return r > 0xFFFF || r < ' ' }) {
			l.refuse(l.at, "a name in backticks that MariaDB does not take", "")
		}
		return token{kind: name, value: v}
	case c == '@':
		return l.variable()
	case isDigit(c), c == '.' && l.at+1 < len(l.s) && isDigit(l.s[l.at+1]) && !l.afterName():
		return l.number()
	case isWordByte(c):
		return l.word()
	}
	for _, f := range foreignSigns {
		if l.has(f.sign) {
			l.refuse(l.at, f.what, f.instead)
			return token{}
		}
	}
	for _, s := range signs {
		if l.has(s) {
			l.at += len(s)
			return token{kind: sign, value: s}
		}
	}
	r, _ := utf8.DecodeRuneInString(l.s[l.at:])
	l.refuse(l.at, fmt.Sprintf("the character %q (%U) outside of a string", r, r), "")
	return token{}
}

// afterName reports whether a point here is one between names: t.1 is a column.
func (l *lexer) afterName() bool {
	if len(l.tokens) == 0 {
		return false
	}
	last := l.tokens[len(l.tokens)-1]
	return last.end == l.at && (last.kind == word || last.kind == name)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isWordByte(c byte) bool {
	return c == '_' || c == '$' || isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= utf8.RuneSelf
}

// quoted reads what stands in quotes. Quotes are doubled inside; strings have
// backslash escapes too.
func (l *lexer) quoted(quote byte, escapes bool) string {
	start := l.at
	var b strings.Builder
	for l.at++; l.at < len(l.s); l.at++ {
		switch c := l.s[l.at]; {
		case c == quote && l.at+1 < len(l.s) && l.s[l.at+1] == quote:
			b.WriteByte(quote)
			l.at++
		case c == quote:
			l.at++
			return b.String()
		case c == '\\' && escapes && l.at+1 < len(l.s):
			l.at++
			l.escape(&b, l.s[l.at])
		default:
			b.WriteByte(c)
		}
	}
	l.refuse(start, "a quote without an end", "")
	return ""
}

func (l *lexer) escape(b *strings.Builder, c byte) {
	switch c {
	case '0':
		l.refuse(l.at, `a NUL character (\0) in a string`, "")
	case 'b':
		b.WriteByte('\b')
	case 'n':
		b.WriteByte('\n')
	case 'r':
		b.WriteByte('\r')
	case 't':
		b.WriteByte('\t')
	case 'Z':
		b.WriteByte(0x1a)
	case '%', '_': // kept for LIKE
		b.WriteByte('\\')
		b.WriteByte(c)
	default:
		b.WriteByte(c)
	}
}

// word reads a bare word. Letters of other alphabets can be no keyword.
func (l *lexer) word() token {
	start, ascii := l.at, true
	for l.at < len(l.s) && isWordByte(l.s[l.at]) {
		r, size := utf8.DecodeRuneInString(l.s[l.at:])
		if r >= utf8.RuneSelf {
			ascii = false
			if r > 0xFFFF || !unicode.In(r, unicode.L, unicode.Nd, unicode.M) {
				l.refuse(l.at, fmt.Sprintf("the character %q (%U) outside of a string", r, r), "White space is a space, a tab or a line break; names with other signs stand in backticks")
				return token{}
			}
		}
		l.at += size
	}
	w := l.s[start:l.at]
	if !ascii {
		return token{kind: name, value: w}
	}
	upper := strings.ToUpper(w)
	if l.at < len(l.s) && (l.s[l.at] == '\'' || l.s[l.at] == '"') {
		switch {
		case upper == "X" || upper == "B":
			return l.literalBytes(start, upper)
		case upper == "N", strings.HasPrefix(w, "_"):
			l.refuse(start, "a string with a character set ("+w+")", "Leave the character set out")
			return token{}
		}
	}
	return token{kind: word, value: upper}
}

func (l *lexer) literalBytes(start int, letter string) token {
	digits := l.quoted(l.s[l.at], false)
	allowed := "01"
	if letter == "X" {
		allowed = "0123456789abcdefABCDEF"
	}
	if strings.Trim(digits, allowed) != "" || letter == "X" && len(digits)%2 == 1 {
		l.refuse(start, "a malformed "+letter+"'…'", "")
	}
	return token{kind: bytes, value: letter + "'" + digits + "'"}
}

// number reads 12, 1.5, .5, 1e-3, 0x41 and 0b01. A name that begins with a digit
// is refused: where its number ends is a matter of taste.
func (l *lexer) number() token {
	start, kind := l.at, number
	digits := func(allowed string) (n int) {
		for l.at < len(l.s) && strings.IndexByte(allowed, l.s[l.at]) >= 0 {
			l.at++
			n++
		}
		return n
	}
	const decimal = "0123456789"
	switch {
	case l.has("0x"):
		l.at += 2
		kind = bytes
		if digits(decimal+"abcdefABCDEF") == 0 {
			l.refuse(start, "a malformed 0x…", "")
		}
	case l.has("0b"):
		l.at += 2
		kind = bytes
		if digits("01") == 0 {
			l.refuse(start, "a malformed 0b…", "")
		}
	default:
		digits(decimal)
		if l.has(".") {
			l.at++
			digits(decimal)
		}
		if l.has("e") || l.has("E") {
			l.at++
			if l.has("+") || l.has("-") {
				l.at++
			}
			if digits(decimal) == 0 {
				l.refuse(start, "a malformed number", "")
			}
		}
	}
	if l.at < len(l.s) && (isWordByte(l.s[l.at]) || l.s[l.at] == '.') {
		l.refuse(start, "a number that runs into a word", "Put a space between them; a name that begins with a digit stands in backticks")
	}
	return token{kind: kind, value: l.s[start:l.at]}
}

// variable reads @@name of the short list.
func (l *lexer) variable() token {
	start := l.at
	if !l.has("@@") {
		l.refuse(start, "a user variable (@)", "WITH names a subquery, and window functions (ROW_NUMBER() OVER (…), LAG) number and compare rows")
		return token{}
	}
	for l.at += 2; l.at < len(l.s) && (isWordByte(l.s[l.at]) && l.s[l.at] < utf8.RuneSelf || l.s[l.at] == '.'); {
		l.at++
	}
	asked := strings.ToLower(l.s[start+2 : l.at])
	scope, base, scoped := strings.Cut(asked, ".")
	if !scoped {
		base = asked
	}
	if (scoped && scope != "global" && scope != "session") || !systemVariables[base] {
		l.refuse(start, "the system variable "+l.s[start:l.at], "Allowed are @@"+strings.Join(sortedKeys(systemVariables), ", @@"))
		return token{}
	}
	return token{kind: bytes, value: "@@" + asked}
}
