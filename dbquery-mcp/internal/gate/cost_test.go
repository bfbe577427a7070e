package gate_test

import (
	"strings"
	"testing"
	"time"

	"payops-mcp/dbquery-mcp/internal/gate"
)

// Parentheses can be read as a query, a join or an expression; trying each at
// every level must not take long.
func TestJudgingEndsSoon(t *testing.T) {
	for _, sql := range []string{
		"SELECT " + strings.Repeat("(", 39) + "SELECT 1",
		"SELECT " + strings.Repeat("(", 30) + "SELECT 1" + strings.Repeat(")+1", 30) + " x y",
		"SELECT " + strings.Repeat("1 IN (((SELECT ", 12) + "1",
		"SELECT * FROM " + strings.Repeat("((", 19) + "SELECT 1" + strings.Repeat(") a JOIN b)", 19) + " x y",
		"SELECT * FROM " + strings.Repeat("((SELECT 1 FROM ", 12) + "a",
		"SELECT " + strings.Repeat("INTERVAL ", 600) + "1",
		"SELECT " + strings.Repeat("DATE_ADD(1, INTERVAL ", 35) + "1",
		"SELECT " + strings.Repeat("1,", 3500) + "1",
		"SELECT 1" + strings.Repeat(" UNION SELECT 1", 2500),
		"SELECT " + strings.Repeat("NOT ", 7000) + "1",
		"SELECT " + strings.Repeat("-", 7000),
		"SELECT " + strings.Repeat("- ", 7000) + "1",
		"SELECT 1" + strings.Repeat(" = 1", 3500),
		"SELECT '" + strings.Repeat("''", 1000) + "'",
	} {
		began := time.Now()
		_, err := gate.Judge(sql)
		if took := time.Since(began); took > time.Second {
			t.Errorf("%.80s… took %s: %v", sql, took, err)
		}
	}
}
