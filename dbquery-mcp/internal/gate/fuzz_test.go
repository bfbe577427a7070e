package gate_test

import (
	"iter"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"payops-mcp/dbquery-mcp/internal/gate"
)

// own are the bare words that may stand in what is written, beside functions and
// units.
var own = strings.Fields(`SELECT WITH RECURSIVE AS FROM DUAL WHERE GROUP BY HAVING WINDOW ORDER ASC DESC LIMIT OFFSET UNION EXCEPT INTERSECT
ALL DISTINCT DISTINCTROW STRAIGHT_JOIN SQL_NO_CACHE ROLLUP JOIN INNER CROSS LEFT RIGHT OUTER NATURAL ON USING USE FORCE IGNORE INDEX KEY
FOR PRIMARY AND OR XOR NOT IS NULL TRUE FALSE UNKNOWN IN BETWEEN LIKE ESCAPE REGEXP RLIKE ANY SOME EXISTS CASE WHEN THEN ELSE END
INTERVAL COLLATE BINARY DIV MOD DATE TIME TIMESTAMP LOCALTIME LOCALTIMESTAMP CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER
UTC_DATE UTC_TIME UTC_TIMESTAMP OVER PARTITION ROWS RANGE UNBOUNDED PRECEDING FOLLOWING CURRENT ROW WITHIN SEPARATOR BOTH LEADING
TRAILING CHARACTER SET CHARSET CHAR NCHAR VARCHAR SIGNED UNSIGNED INTEGER INT YEAR FLOAT DECIMAL DEC DATETIME DOUBLE PRECISION
EXPLAIN EXTENDED PARTITIONS FORMAT JSON TRADITIONAL DESCRIBE SHOW FULL TABLES TABLE STATUS CREATE COLUMNS FIELDS INDEXES KEYS`)

// bareWords are the words outside of quotes. It reads quotes as every sql_mode
// does, or fails: a backslash stands in pairs only, a quote is doubled.
func bareWords(t *testing.T, sql string) (words []string) {
	t.Helper()
	isWord := func(c byte) bool {
		return c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= utf8.RuneSelf
	}
	for i := 0; i < len(sql); {
		switch c := sql[i]; {
		case c == '\'' || c == '`':
			for i++; i < len(sql) && (sql[i] != c || i+1 < len(sql) && sql[i+1] == c); i++ {
				if c == '\'' && sql[i] == '\\' && sql[i+1] != '\\' {
					t.Fatalf("a lone backslash in %s", sql)
				}
				if sql[i] == c || c == '\'' && sql[i] == '\\' {
					i++
				}
			}
			i++
		case isWord(c) || c == '@':
			from := i
			for i < len(sql) && (isWord(sql[i]) || sql[i] == '@' || sql[i] == '.' && sql[from] == '@') {
				i++
			}
			words = append(words, sql[from:i])
		case strings.IndexByte(" (),.+-*/%=<>!&|^~\n\t", c) >= 0:
			if pair := sql[i:min(i+2, len(sql))]; pair == "--" || pair == "/*" || pair == "||" {
				t.Fatalf("%s in %s", pair, sql)
			}
			i++
		default:
			t.Fatalf("%q in %s", c, sql)
		}
	}
	return words
}

func judgeWriting(t *testing.T, sql string) {
	t.Helper()
	s, err := gate.Judge(sql)
	if err != nil {
		return
	}
	written := s.SQL(11)
	for _, w := range bareWords(t, written) {
		switch {
		case w[0] >= '0' && w[0] <= '9', w == "X", w == "B": // a number, and what stands before its quotes
		case strings.HasPrefix(w, "@@"):
			_, base, scoped := strings.Cut(w[2:], ".")
			if !scoped {
				base = w[2:]
			}
			if !slices.Contains(gate.SystemVariables(), base) {
				t.Errorf("%q is written as %q: the variable %s", sql, written, w)
			}
		case slices.Contains(own, w), slices.Contains(gate.Functions(), w), slices.Contains(gate.Units(), w):
		default:
			t.Errorf("%q is written as %q: the word %s is not the gate's own", sql, written, w)
		}
	}
	// What is written is allowed, and stays what it is. The first time a column may
	// get its name, which is what was written for it.
	for range 2 {
		again, err := gate.Judge(written)
		if len(written) > gate.MaxBytes { // backticks make it longer
			return
		}
		if err != nil {
			t.Fatalf("%q is written as %q, which is refused: %v", sql, written, err)
		}
		before := written
		if written = again.SQL(11); written == before {
			return
		}
	}
	t.Errorf("%q is written anew each time, the last as\n%s", sql, written)
}

func FuzzJudge(f *testing.F) {
	for _, sql := range statements(f, "testdata/good.txt") {
		f.Add(sql)
	}
	for _, sql := range statements(f, "testdata/attacks.txt") {
		f.Add(sql)
	}
	for _, in := range inputs(f) {
		f.Add(in.SQL)
	}
	f.Fuzz(judgeWriting)
}

// mixtures are n texts made of the pieces of real ones: what fuzzing by bytes
// hardly ever reaches.
func mixtures(t *testing.T, n int, seed uint32) iter.Seq[string] {
	t.Helper()
	var pieces [][]string
	for _, name := range []string{"testdata/good.txt", "testdata/attacks.txt"} {
		for _, sql := range statements(t, name) {
			pieces = append(pieces, strings.SplitAfter(sql, " "))
		}
	}
	next := func(n int) int {
		seed = seed*1664525 + 1013904223
		return int(seed>>8) % n
	}
	return func(yield func(string) bool) {
		for range n {
			a, b, c := pieces[next(len(pieces))], pieces[next(len(pieces))], pieces[next(len(pieces))]
			from := next(len(b))
			to := from + next(len(b)-from)
			if !yield(strings.Join(a[:next(len(a)+1)], "") + strings.Join(b[from:to], "") + strings.Join(c[next(len(c)):], "")) {
				return
			}
		}
	}
}

func TestMixtures(t *testing.T) {
	taken := 0
	for sql := range mixtures(t, 30_000, 1) {
		if _, err := gate.Judge(sql); err == nil {
			taken++
		}
		judgeWriting(t, sql)
	}
	if taken < 100 {
		t.Errorf("only %d of the mixtures were allowed: they try nothing", taken)
	}
}

func BenchmarkJudge(b *testing.B) {
	for b.Loop() {
		if _, err := gate.Judge("SELECT merchant_id, COUNT(*) AS n, SUM(amount) FROM payment WHERE requested_at >= UTC_TIMESTAMP() - INTERVAL 1 HOUR GROUP BY merchant_id ORDER BY n DESC LIMIT 20"); err != nil {
			b.Fatal(err)
		}
	}
}
