package db

import (
	"context"
	"database/sql"
	_ "embed"
	"fmt"
	"strconv"
	"strings"
)

//go:embed data.sql
var dataSQL string

// LeastPayments is the smallest size: fewer have no exception of every kind.
const LeastPayments = 20_000

// fill writes n payments and what follows from them into an empty shard.
func fill(ctx context.Context, db *sql.DB, shard, n int) error {
	conn, err := db.Conn(ctx) // settings are of a session
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	for _, table := range []string{"refund_request", "settlement_request", "ledger_entry", "payment"} {
		statement := "SET foreign_key_checks=0; TRUNCATE TABLE " + table + "; SET foreign_key_checks=1"
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("empty %s: %w", table, err)
		}
	}
	text := strings.NewReplacer("{n}", strconv.Itoa(n), "{odd}", strconv.Itoa(shard-1)).Replace(dataSQL)
	for statement := range strings.SplitSeq(text, ";\n") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%w\n%s", err, statement)
		}
	}
	return nil
}

// planted are the exceptions in n payments, by the code that names them.
func planted(n int) map[string][]int64 {
	all := map[string][]int64{}
	for id := int64(1); id <= int64(n); id++ {
		captured, refunded := id%20 < 16, id%20 == 16
		code := ""
		switch {
		case !captured && !refunded:
		case id%10007 == 0 && refunded:
			code = "LEDGER_REVERSAL_WITHOUT_CAPTURE"
		case id%10007 == 0:
			code = "LEDGER_CAPTURE_MISSING"
		case id%10009 == 0:
			code = "LEDGER_AMOUNT_MISMATCH"
		case captured && id%10037 == 0:
			code = "LEDGER_CAPTURE_DUPLICATE"
		case refunded && id%1009 == 0:
			code = "LEDGER_REVERSAL_DUPLICATE"
		}
		if code != "" {
			all[code] = append(all[code], id)
		}
	}
	return all
}
