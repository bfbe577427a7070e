package gate_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"payops-mcp/dbquery-mcp/internal/gate"
)

// allowed judges as run_select does where the schema has these base tables.
func allowed(sql string, tables ...string) error {
	s, err := gate.Judge(sql)
	if err != nil {
		return err
	}
	for _, t := range s.Tables {
		if t.Schema != "" || !slices.Contains(tables, t.Name) {
			return errors.New("no base table of the payment schema: " + t.Schema + "." + t.Name)
		}
	}
	return nil
}

func TestInputs(t *testing.T) {
	for _, in := range inputs(t) {
		err := allowed(in.SQL, "payment", "canary", "myi")
		switch {
		case in.Expect == "allow" || strings.HasPrefix(in.Expect, "allow but"):
			if err != nil {
				t.Errorf("%s is refused: %v\n%s", in.ID, err, in.SQL)
			}
		case in.Expect == "refuse" && err == nil:
			t.Errorf("%s is allowed: %s", in.ID, in.SQL)
		case strings.HasPrefix(in.Expect, "refuse or") && err == nil:
			t.Errorf("%s is allowed, and nobody has seen that it is harmless: %s", in.ID, in.SQL)
		}
	}
}

func TestAttacks(t *testing.T) {
	for _, sql := range statements(t, "testdata/attacks.txt") {
		s, err := gate.Judge(sql)
		if err == nil {
			t.Errorf("allowed: %q as %s", sql, s.SQL(10))
			continue
		}
		r, ok := errors.AsType[*gate.Refusal](err)
		if !ok || r.What == "" || r.Place.Line < 1 || r.Place.Column < 1 {
			t.Errorf("%q: %v does not say what was refused and where", sql, err)
		}
	}
}

func TestGoodStatementsAreAllowed(t *testing.T) {
	for _, sql := range statements(t, "testdata/good.txt") {
		if err := allowed(sql, "payment", "ledger_entry", "outbox_event"); err != nil {
			t.Errorf("refused: %v\n%s", err, sql)
		}
	}
}

// What is sent is what was understood, in one form.
func TestWrittenAnew(t *testing.T) {
	for sql, want := range map[string]string{
		"select payment_id from payment":                               "SELECT `payment_id` FROM `payment` LIMIT 11",
		"SELECT 1 -- x":                                                "SELECT 1 AS `1` LIMIT 11",
		"SELECT a.b, `c d` FROM payment a LIMIT 3 ;":                   "SELECT `a`.`b`, `c d` FROM `payment` `a` LIMIT 3",
		"SELECT a FROM payment LIMIT 5, 1000":                          "SELECT `a` FROM `payment` LIMIT 11 OFFSET 5",
		"SELECT 'it''s', \"a\\\\b\\n\" AS x":                           "SELECT 'it''s' AS `it's`, 'a\\\\b\n' AS `x` LIMIT 11",
		"SELECT SUM(amount) FROM payment":                              "SELECT SUM(`amount`) AS `SUM(amount)` FROM `payment` LIMIT 11",
		"WITH x AS (SELECT 1 LIMIT 7) SELECT * FROM x":                 "WITH `x` AS(SELECT 1 AS `1` LIMIT 7) SELECT * FROM `x` LIMIT 11",
		"(SELECT a FROM payment LIMIT 50) UNION (SELECT 2) ORDER BY 1": "(SELECT `a` FROM `payment` LIMIT 50) UNION (SELECT 2 AS `2`) ORDER BY 1 LIMIT 11",
		"EXPLAIN SELECT a FROM payment LIMIT 50":                       "EXPLAIN SELECT `a` FROM `payment` LIMIT 50",
		"describe payment":                                             "DESCRIBE `payment`",
		"SELECT count FROM payment":                                    "SELECT `count` FROM `payment` LIMIT 11",
		"SELECT COUNT (*) FROM payment":                                "SELECT COUNT(*) AS `COUNT (*)` FROM `payment` LIMIT 11",
		"SELECT p.* FROM payment p":                                    "SELECT `p`.* FROM `payment` `p` LIMIT 11",
	} {
		s, err := gate.Judge(sql)
		if err != nil {
			t.Errorf("%s: %v", sql, err)
			continue
		}
		if got := s.SQL(11); got != want {
			t.Errorf("%s\n got %s\nwant %s", sql, got, want)
		}
	}
}

func TestTablesAndNames(t *testing.T) {
	s, err := gate.Judge("WITH a AS (SELECT * FROM payment), b AS (SELECT * FROM a, paydb.ledger_entry) SELECT * FROM b JOIN v_write WHERE 1 IN (SELECT x FROM outbox_event)")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, table := range s.Tables {
		names = append(names, table.Schema+"."+table.Name)
	}
	if want := []string{".payment", "paydb.ledger_entry", ".v_write", ".outbox_event"}; !slices.Equal(names, want) {
		t.Errorf("tables %v, want %v", names, want)
	}
	if want := []string{"a", "b"}; !slices.Equal(s.With, want) {
		t.Errorf("with %v, want %v", s.With, want)
	}
}

// A name of WITH is one only where it stands; behind its own parentheses and in
// its own query it is a table.
func TestNamesOfWithDoNotHideTables(t *testing.T) {
	for _, sql := range []string{
		"WITH v_write AS (SELECT * FROM v_write) SELECT * FROM v_write",
		"SELECT * FROM (WITH v_write AS (SELECT 1) SELECT * FROM v_write) x, v_write",
	} {
		s, err := gate.Judge(sql)
		if err == nil && !slices.Contains(s.With, "v_write") {
			t.Errorf("%s: with %v: the caller cannot see that it hides a view", sql, s.With)
		}
	}
	if _, err := gate.Judge("WITH a AS (SELECT 1) SELECT * FROM A"); err == nil {
		t.Error("a name in other letters was taken for that of WITH")
	}
}

func TestRefusalsSayWhatWhereAndWhatInstead(t *testing.T) {
	for sql, want := range map[string]string{
		"SELECT payment_id,\n  SLEEP(3) FROM payment": "the function SLEEP (line 2, column 3)",
		"SELECT 금액, SLEEP(3) FROM payment":            "the function SLEEP (line 1, column 12)",
		"SELECT * FROM payment FOR UPDATE":            "FOR UPDATE and the like, which lock rows (line 1, column 23)",
		"DELETE FROM payment":                         "Allowed are SELECT",
		"SELECT a || b":                               "Write OR, or CONCAT(a, b)",
		"SELECT payload->>'$.a' FROM payment":         "JSON_VALUE",
		"SELECT a FROM payment WHERE":                 "ends too early",
		"SELECT @x":                                   "window functions",
		"SELECT REPEAT('a', n) FROM payment":          "LEAST(n, 100)",
		"SELECT " + strings.Repeat("(", 100) + "1":    "levels of parentheses",
		"SELECT '" + strings.Repeat("a", 3000) + "'":  "more than 2000 characters",
		strings.Repeat(" ", gate.MaxBytes+1):          "bytes, at most",
	} {
		_, err := gate.Judge(sql)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: got %v, want it to say %q", sql, err, want)
		}
	}
}
