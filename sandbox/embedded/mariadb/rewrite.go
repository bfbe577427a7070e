package mariadb

import (
	"regexp"
	"strings"
)

var jsonValue = regexp.MustCompile(`(?i)\bJSON_VALUE\s*\(`)

// unquoted has JSON_VALUE give text without quotes, as MariaDB's does.
func unquoted(statement string) string {
	var out strings.Builder
	for {
		m := jsonValue.FindStringIndex(statement)
		if m == nil {
			break
		}
		end := closing(statement, m[1])
		if end < 0 {
			break
		}
		out.WriteString(statement[:m[0]] + "JSON_UNQUOTE(JSON_EXTRACT(" + statement[m[1]:end] + "))")
		statement = statement[end+1:]
	}
	out.WriteString(statement)
	return out.String()
}

// united has a union of several queries sorted from outside: go-mysql-server
// mixes up the columns of one of three or more that is sorted as a whole. And
// it does not take a single query in parentheses.
func united(statement string) string {
	var unions []int
	order := -1
	outside(statement, func(i int) {
		switch {
		case startsWord(statement, i, "UNION"):
			unions, order = append(unions, i), -1
		case len(unions) > 0 && startsWord(statement, i, "ORDER"):
			order = i
		}
	})
	switch text := strings.TrimSpace(statement); {
	case len(unions) >= 2 && order >= 0:
		return "SELECT * FROM (" + statement[:order] + ") AS united " + statement[order:]
	case len(unions) == 0 && strings.HasPrefix(text, "(") && closing(text, 1) == len(text)-1:
		return united(text[1 : len(text)-1])
	}
	return statement
}

// startsWord says whether a word begins at a place.
func startsWord(text string, at int, word string) bool {
	end := at + len(word)
	if end > len(text) || !strings.EqualFold(text[at:end], word) {
		return false
	}
	return (at == 0 || !wordByte(text[at-1])) && (end == len(text) || !wordByte(text[end]))
}

func wordByte(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// outside calls for every place that is in no parentheses and no quotes.
func outside(text string, at func(int)) {
	scan(text, 0, func(i, depth int) bool {
		if depth == 0 && text[i] != '(' && text[i] != ')' {
			at(i)
		}
		return true
	})
}

// closing is where the parenthesis ends that was opened before from; -1 if it
// does not.
func closing(text string, from int) int {
	end := -1
	scan(text, from, func(i, depth int) bool {
		if text[i] == ')' && depth == 0 {
			end = i
		}
		return end < 0
	})
	return end
}

// scan goes over what is in no quotes, with how many parentheses are open there,
// until it is told to stop. A parenthesis itself lies outside.
func scan(text string, from int, each func(i, depth int) bool) {
	depth := 0
	var quote byte
	for i := from; i < len(text); i++ {
		c := text[i]
		switch {
		case quote != 0 && c == '\\':
			i++
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
		case strings.IndexByte("'\"`", c) >= 0:
			quote = c
		default:
			if c == ')' && depth > 0 {
				depth--
			}
			if !each(i, depth) {
				return
			}
			if c == '(' {
				depth++
			}
		}
	}
}
