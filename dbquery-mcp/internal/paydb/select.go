package paydb

import (
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

const (
	// What stands in the payment schema. That a name is a table, and no view over a
	// function that writes, only the database knows.
	sqlObjects  = `SELECT TABLE_NAME AS name, TABLE_TYPE AS type, COALESCE(ENGINE, '') AS engine FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()`
	sqlWarnings = `SHOW WARNINGS LIMIT 5`
	// A SELECT without tables leaves the warnings of the statement before it; this
	// one, which has a table, clears them.
	sqlForget = `SELECT 1 FROM information_schema.CHARACTER_SETS LIMIT 1`
)

const (
	// maxSelectedBytes is how much of a shard's rows is read: rows may hold
	// documents of many megabytes.
	maxSelectedBytes = 8 << 20
	// maxShownBytes of a binary value are shown.
	maxShownBytes = 64
)

// StatementRejected is the class of a shard whose database does not take a
// statement: a column that is not there, a wrong number of arguments.
const StatementRejected fault.Class = "statement_rejected"

// engines keep their rows in the server itself. Others (FEDERATED, CONNECT,
// SPIDER) read files or ask other servers.
var engines = []string{"InnoDB", "Aria", "MyISAM", "MEMORY", "ROCKSDB"}

// Selection is a statement that a caller wrote. Only a statement that the gate has
// allowed and written may stand in SQL: here it is run as it is.
type Selection struct {
	SQL    string // gives at most Rows+1 rows
	Rows   int
	Tables []TableName // the tables it names
	With   []string    // the names that its WITH gives
}

// TableName is a table as a statement names it.
type TableName struct{ Schema, Name string }

// Selected is what a shard answered to a Selection.
type Selected struct {
	Columns []Column
	Rows    [][]Cell
	More    bool // there are more rows than Selection.Rows
	Big     bool // reading stopped at the limit of bytes; More rows may follow
	// Warnings are what the database remarked: a value cut by GROUP_CONCAT, text
	// read as a number. An answer may be wrong by it.
	Warnings []foreign.Text
}

// Column is a column of an answer. Names may stand twice.
type Column struct {
	Name foreign.Text
	Type string // as the driver calls it: BIGINT, VARCHAR, TIMESTAMP
}

// Cell is one value, whole.
type Cell struct {
	Null  bool
	Plain bool // a number, a time or hexadecimal digits: no words
	Text  foreign.Text
}

// Only returns the same database with one of its shards.
func (db *DB) Only(name string) (*DB, bool) {
	i := slices.IndexFunc(db.shards, func(s *shard) bool { return s.name == name })
	if i < 0 {
		return nil, false
	}
	return &DB{shards: db.shards[i : i+1]}, true
}

// Select runs a statement on every shard.
func (db *DB) Select(ctx context.Context, s Selection) ([]Reply[Selected], error) {
	return ask(ctx, db, func(ctx context.Context, r *Reader) (Selected, error) {
		if len(s.Tables)+len(s.With) > 0 {
			if err := r.checkTables(ctx, s); err != nil {
				return Selected{}, err
			}
		}
		if len(s.Tables) == 0 {
			if err := r.run(ctx, "the character sets", sqlForget, nil, func(*sql.Rows) error { return nil }); err != nil {
				return Selected{}, err
			}
		}
		return r.selected(ctx, s)
	})
}

// errEnough stops the reading of rows.
var errEnough = errors.New("enough was read")

func (r *Reader) selected(ctx context.Context, s Selection) (got Selected, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	size := 0
	r.session.wire.allow(maxWireBytes)
	err = r.run(ctx, "the statement", s.SQL, nil, func(rows *sql.Rows) error {
		types, err := rows.ColumnTypes()
		if err != nil {
			return err
		}
		if got.Columns == nil {
			for _, t := range types {
				got.Columns = append(got.Columns, Column{Name: foreign.Text(t.Name()), Type: t.DatabaseTypeName()})
			}
		}
		if got.More = len(got.Rows) == s.Rows; got.More {
			return nil
		}
		row, n, err := scanCells(rows, types)
		if err != nil {
			return err
		}
		got.Rows = append(got.Rows, row)
		if size += n; size > maxSelectedBytes {
			// Closing the rows would read them to their end; this hangs up, and
			// stops the statement.
			cancel()
			return errEnough
		}
		return nil
	})
	switch tooMuch := r.session.wire.open(); {
	case tooMuch && !errors.Is(err, errEnough):
		r.shard.kill(r.session.id)
		return got, &fault.Failure{
			Class: StatementRejected, Said: foreign.Text(fmt.Sprintf("a row has more than %d MB, which is not taken in", maxWireBytes>>20)),
			Next: "Select fewer columns, or LEFT(column, 200)", Err: err,
		}
	case errors.Is(err, errEnough):
		got.Big = true
		return got, nil
	case err != nil:
		return got, r.shard.rejected(err)
	}
	if got.Warnings, err = r.warnings(ctx); err != nil {
		got.Warnings = []foreign.Text{"whether the database had warnings could not be read"}
	}
	return got, nil
}

// rejected makes an error of the statement itself one that blames the statement.
func (s *shard) rejected(err error) error {
	my, ok := errors.AsType[*mysql.MySQLError](err)
	if !ok {
		return err
	}
	if class := s.refusal(my).Class; class != fault.Unexpected && class != fault.Schema {
		return err
	}
	return &fault.Failure{
		Class: StatementRejected, Said: foreign.Text(fmt.Sprintf("%d %s", my.Number, my.Message)),
		Next: "SHOW TABLES and SHOW COLUMNS FROM t tell what there is; the words are those of MariaDB", Err: err,
	}
}

func (r *Reader) warnings(ctx context.Context) (all []foreign.Text, err error) {
	err = r.fetch(ctx, sqlWarnings, sqlWarnings, nil, func(rows *sql.Rows) error {
		var level, code, message string
		err := rows.Scan(&level, &code, &message)
		all = append(all, foreign.Text(code+" "+message))
		return err
	})
	return all, err
}

// checkTables refuses what is no base table of the payment schema. It looks each
// time, as a table may have become a view since.
func (r *Reader) checkTables(ctx context.Context, s Selection) error {
	type object struct{ kind, engine string }
	there := map[string]object{}
	err := r.run(ctx, "the tables of the payment schema", sqlObjects, nil, func(rows *sql.Rows) error {
		var name string
		var o object
		err := rows.Scan(&name, &o.kind, &o.engine)
		there[name] = o
		return err
	})
	if err != nil {
		return err
	}
	readable := func(o object) bool {
		return (o.kind == "BASE TABLE" || o.kind == "SYSTEM VERSIONED") && slices.Contains(engines, o.engine)
	}
	for _, w := range s.With {
		for name := range there {
			if strings.EqualFold(w, name) {
				return fault.New(fault.Refused, "Take another name in WITH", "WITH gives the name %s, which a table or view of %s has", foreign.Text(w).Quoted(), r.shard.name)
			}
		}
	}
	for _, t := range s.Tables {
		o, known := there[t.Name]
		switch {
		case t.Schema != "" && t.Schema != r.shard.database:
			return fault.New(fault.Refused, "Only tables of the payment schema are read: leave the schema out", "the schema %s", foreign.Text(t.Schema).Quoted())
		case known && !readable(o):
			return fault.New(fault.Refused, "Select from the tables themselves", "%s of %s is no base table (%s): what reading it does cannot be seen", foreign.Text(t.Name).Quoted(), r.shard.name, foreign.Text(strings.TrimSpace(o.kind+" "+o.engine)))
		case !known:
			return &fault.Failure{
				Class: StatementRejected, Said: foreign.Text("there is no table " + t.Name),
				Next: "There are, in these letters: " + tableNames(there, readable),
			}
		}
	}
	return nil
}

func tableNames[O any](there map[string]O, readable func(O) bool) string {
	var names []string
	for name, o := range there {
		if readable(o) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return foreign.Clean(strings.Join(names, ", "), foreign.MaxText)
}

// scanCells reads a row, and tells its size.
func scanCells(rows *sql.Rows, types []*sql.ColumnType) (row []Cell, size int, err error) {
	values := make([]any, len(types))
	into := make([]any, len(types))
	for i := range values {
		into[i] = &values[i]
	}
	if err := rows.Scan(into...); err != nil {
		return nil, 0, err
	}
	for i, v := range values {
		c := cellOf(v, types[i])
		size += len(c.Text)
		row = append(row, c)
	}
	return row, size, nil
}

func plain(s string) Cell { return Cell{Plain: true, Text: foreign.Text(s)} }

// cellOf writes a value as the database has it, without rounding.
func cellOf(v any, t *sql.ColumnType) Cell {
	switch v := v.(type) {
	case nil:
		return Cell{Null: true}
	case int64:
		return plain(strconv.FormatInt(v, 10))
	case uint64:
		return plain(strconv.FormatUint(v, 10))
	case float32:
		return plain(strconv.FormatFloat(float64(v), 'g', -1, 32))
	case float64:
		return plain(strconv.FormatFloat(v, 'g', -1, 64))
	case time.Time:
		return plain(timeText(v, t))
	case []byte:
		return bytesCell(v, t.DatabaseTypeName())
	}
	return Cell{Text: foreign.Text(fmt.Sprint(v))}
}

// timeText writes a time with the digits that its column keeps.
func timeText(at time.Time, t *sql.ColumnType) string {
	layout := time.DateOnly
	if t.DatabaseTypeName() != "DATE" {
		layout = time.DateTime
		if digits, _, ok := t.DecimalSize(); ok && digits > 0 && digits <= 6 {
			layout += "." + strings.Repeat("0", int(digits))
		}
	}
	if at.IsZero() {
		// What the driver makes of 0000-00-00.
		return strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return '0'
			}
			return r
		}, at.Format(layout))
	}
	return at.Format(layout)
}

func bytesCell(b []byte, kind string) Cell {
	switch kind {
	case "DECIMAL", "TIME", "YEAR", "DATE", "DATETIME", "TIMESTAMP":
		if s := string(b); strings.Trim(s, "0123456789-+:. ") == "" {
			return plain(s)
		}
	case "BIT":
		if len(b) <= 8 {
			var whole [8]byte
			copy(whole[8-len(b):], b)
			return plain(strconv.FormatUint(binary.BigEndian.Uint64(whole[:]), 10))
		}
		return hexCell(b)
	case "BINARY", "VARBINARY", "TINYBLOB", "BLOB", "MEDIUMBLOB", "LONGBLOB", "GEOMETRY", "VECTOR":
		return hexCell(b)
	}
	return Cell{Text: foreign.Text(b)}
}

func hexCell(b []byte) Cell {
	if len(b) <= maxShownBytes {
		return plain("0x" + hex.EncodeToString(b))
	}
	return plain(fmt.Sprintf("0x%s… (%d bytes in all)", hex.EncodeToString(b[:maxShownBytes]), len(b)))
}
