package gate

import "fmt"

// MariaDB looks at max_statement_time and KILL between rows, not inside of a
// function: LOCATE of a string of 100,000 characters in one of 1,000,000 ran on,
// killed, until the server was stopped. So a statement must not be able to make
// long strings and search them. Each expression has a factor, how many times
// longer than a stored value or a literal it may be. The factors of all SELECTs
// in a statement are multiplied, as one may stand on the other.
const (
	maxGrowth = 256 // of the whole statement
	// maxSearched is the growth up to which strings may be searched by a regular
	// expression, or for another string that is no short literal.
	maxSearched = 8
	maxNeedle   = 255 // characters of a literal to look for
	quickNeedle = 16  // up to so many, it may be looked for in a string of any length
	maxRepeat   = 1000
	notKnown    = -1
)

// value is what is known of an expression's length.
type value struct {
	factor int // times the longest stored value or literal
	chars  int // at most so many characters; notKnown for anything stored
}

var small = value{factor: 1, chars: 80} // a number, a time, a truth value

// block is what is known of one SELECT.
type block struct {
	factor     int // the greatest of its expressions
	recursive  bool
	inWhere    int  // how many conditions deep, that its aggregates cannot reach
	aggregates bool // it makes strings of many rows: GROUP_CONCAT
	// searched: it searches strings in a way that only short ones bear; inside of
	// a condition the block's own aggregates do not count.
	searched, searchedInWhere bool
	search                    token // the first that does
}

func (p *parser) grow(v value) {
	if p.block != nil {
		p.block.factor = max(p.block.factor, v.factor)
	}
}

// longest is the value that is any one of these.
func longest(all ...value) value {
	v := value{factor: 1}
	for _, a := range all {
		v.factor = max(v.factor, a.factor)
		if a.chars == notKnown || v.chars == notKnown {
			v.chars = notKnown
		} else {
			v.chars = max(v.chars, a.chars)
		}
	}
	return v
}

// joined is the value of all these behind each other. What is short adds nothing
// to the factor.
func joined(all ...value) value {
	v := value{}
	for _, a := range all {
		if a.chars == notKnown || a.chars > maxNeedle {
			v.factor += a.factor
		}
		if a.chars == notKnown || v.chars == notKnown {
			v.chars = notKnown
		} else {
			v.chars += a.chars
		}
	}
	v.factor = min(max(v.factor, 1), 1<<20)
	return v
}

func (v value) times(n int) value {
	v.factor = min(v.factor*max(n, 1), 1<<20)
	if v.chars != notKnown {
		v.chars = min(v.chars*max(n, 1), 1<<20)
		if v.chars <= maxRepeat {
			v.factor = 1
		}
	}
	return v
}

// looksFor judges what a function looks for in a string.
func (p *parser) looksFor(at token, needle value) {
	switch {
	case p.refusal != nil:
	case needle.chars != notKnown && needle.chars <= quickNeedle:
	case needle.chars <= maxNeedle:
		p.searches(at)
	default:
		p.refuseAt(at, fmt.Sprintf("a search for a string of more than %d characters", maxNeedle), "MariaDB cannot stop such a search; shorten it with LEFT(x, 255)")
	}
}

// searches notes a search that only short strings bear.
func (p *parser) searches(at token) {
	if p.refusal != nil || p.block == nil {
		return
	}
	if !p.block.searched && !p.block.searchedInWhere {
		p.block.search = at
	}
	if p.block.inWhere > 0 {
		p.block.searchedInWhere = true
	} else {
		p.block.searched = true
	}
}

// judgeGrowth refuses what could make long strings and search them.
func (p *parser) judgeGrowth() {
	growth, aggregates := 1, 0
	for _, b := range p.blocks {
		growth = min(growth*b.factor, 1<<20)
		if b.aggregates {
			aggregates++
		}
		if b.recursive && b.factor > 1 {
			p.refuseAt(p.tokens[0], "a WITH RECURSIVE that makes strings longer with each step", "Keep strings short in it: LEFT(CONCAT(a, b), 200)")
		}
	}
	if growth > maxGrowth {
		p.refuseAt(p.tokens[0], "strings that could become very long", fmt.Sprintf("Concatenate and repeat less; REPEAT(x, n) and LPAD take a whole number up to %d", maxRepeat))
	}
	for _, b := range p.blocks {
		others := aggregates
		if b.aggregates && !b.searched {
			others--
		}
		if (b.searched || b.searchedInWhere) && (growth > maxSearched || others > 0) {
			p.refuseAt(b.search, "a search in strings that could become very long, which MariaDB cannot stop",
				"Search stored columns, or look for a literal with LIKE, or cut what is searched: LEFT(x, 255)")
		}
	}
}
