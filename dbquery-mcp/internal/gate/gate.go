// Package gate judges a SQL text before a database sees it: it allows what it
// knows to read and nothing else. It is one of three layers (the READ ONLY
// transaction and the account are the others) and pure: no I/O, no clock.
//
// A text is read into tokens, the tokens into a small grammar of SELECT, WITH,
// EXPLAIN and a few forms of SHOW for MariaDB 10.6 to 11.4, and what was
// understood is written anew. Only the writing is sent, so that what the server
// reads is what was judged: without comments and hints, each name in backticks,
// each string quoted in the one way that every sql_mode reads alike. Every word
// that stands bare in it is one of the gate's own.
//
// The grammar is our own, as the parsers that are kept for Go speak other dialects:
// TiDB's, the nearest, takes for a comment what MariaDB executes (/*M! */), knows
// neither PERCENTILE_CONT nor MEDIAN, and brings 237 packages. And what must be
// refused is no matter of grammar alone: see growth.go.
//
// What a name stands for only the database knows: the caller looks whether each
// of Statement.Tables is a base table of the payment schema, and none of
// Statement.With is a table or view there.
package gate

import (
	"fmt"
	"strconv"
	"strings"
)

// Limits of a text.
const (
	MaxBytes   = 32 << 10 // of the whole
	maxTokens  = 8000
	maxLiteral = 2000 // characters of one string or number
	maxDepth   = 40   // levels of parentheses and subqueries
	maxItems   = 200  // of one select list
	maxSteps   = 200_000
)

// Kind is what a statement is.
type Kind string

// The kinds of statements that are allowed.
const (
	Select  Kind = "SELECT"
	Explain Kind = "EXPLAIN"
	Show    Kind = "SHOW"
)

// Table is a table that a statement names.
type Table struct {
	Schema string // empty: the payment schema
	Name   string
	Place  Place
}

// Statement is a text that is allowed, as far as a text can tell.
type Statement struct {
	Kind   Kind
	Tables []Table
	// With are the names that WITH gives, each once.
	With []string
	// Limit is the outermost LIMIT; nil when there is none.
	Limit *uint64

	text   string // without the outermost LIMIT of a SELECT
	offset uint64
}

// SQL returns the statement that may be sent. A SELECT gives at most rows rows;
// EXPLAIN and SHOW are as they were asked.
func (s Statement) SQL(rows int) string {
	if s.Kind != Select {
		return s.text
	}
	limit := uint64(max(rows, 0))
	if s.Limit != nil {
		limit = min(limit, *s.Limit)
	}
	text := s.text + " LIMIT " + strconv.FormatUint(limit, 10)
	if s.offset > 0 {
		text += " OFFSET " + strconv.FormatUint(s.offset, 10)
	}
	return text
}

// Place is where something stands in a text, counted from 1.
type Place struct{ Line, Column int }

func (p Place) String() string { return fmt.Sprintf("line %d, column %d", p.Line, p.Column) }

// Refusal is why a text is not allowed.
type Refusal struct {
	What    string // what was refused, in words
	Place   Place
	Instead string // what is allowed instead; may be empty
}

// Error says what was refused, where, and what to write instead.
func (r *Refusal) Error() string {
	s := r.What + " (" + r.Place.String() + ")"
	if r.Instead != "" {
		s += ". " + r.Instead
	}
	return s
}

// Judge allows a text or refuses it; the error is a *Refusal.
func Judge(sql string) (Statement, error) {
	tokens, refusal := lex(sql)
	if refusal != nil {
		return Statement{}, refusal
	}
	p := &parser{source: sql, tokens: tokens}
	p.statement()
	if p.refusal != nil {
		return Statement{}, p.refusal
	}
	p.done.text = strings.Join(p.out, "")
	return p.done, nil
}
