package paydb

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

// Table is a table as it stands in a database, which need not be as the payment
// system's schema.sql has it: Hibernate may have made it.
type Table struct {
	Name     string
	Columns  map[string]string // name -> type, as the database writes it: timestamp(3)
	Nullable map[string]bool   // columns that may be NULL
	Indexes  []Index
	Unbound  []string // tables that a foreign key should lead to and does not; known where foreign keys were looked at
}

// Index is a usable index over whole columns.
type Index struct {
	Name    string
	Unique  bool
	Columns []string
}

// index returns the name of the index over exactly these columns, or "". Others
// that begin with them would not give rows in the order of the primary key.
func (t Table) index(columns ...string) string {
	for _, i := range t.Indexes {
		if slices.Equal(i.Columns, columns) {
			return i.Name
		}
	}
	return ""
}

// digits is how many digits of a second a time column keeps.
func (t Table) digits(column string) int {
	_, rest, ok := strings.Cut(t.Columns[column], "(")
	if !ok {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSuffix(rest, ")"))
	if err != nil || n > 6 {
		return 0
	}
	return n
}

// Drift is how the table differs from what the payment system expects of it.
type Drift struct {
	Missing []string // columns: without them it cannot be asked
	Types   []string // columns of a type that does not hold what it should
	Slow    []string // indexes: without them it is slow, or keys are not unique
	Loose   []string // foreign keys: without them rows may name what does not exist
	Gone    bool     // there is no such table
}

// None reports whether the table is as expected.
func (d Drift) None() bool { return len(d.Missing)+len(d.Types)+len(d.Slow)+len(d.Loose) == 0 }

// String says it in words.
func (d Drift) String() string {
	if d.Gone {
		return "the table is missing"
	}
	var parts []string
	for _, x := range []struct {
		what string
		list []string
	}{{"missing columns", d.Missing}, {"missing indexes", d.Slow}, {"other types", d.Types}, {"missing foreign keys to", d.Loose}} {
		if len(x.list) > 0 {
			parts = append(parts, x.what+" "+strings.Join(x.list, ", "))
		}
	}
	return strings.Join(parts, "; ")
}

// Drift compares a table with the payment system's schema.sql. A table that the
// schema does not have is as expected.
func (t Table) Drift() (d Drift) {
	want := schemaSQL[t.Name]
	d.Gone, d.Loose = len(t.Columns) == 0, t.Unbound
	for _, c := range want.columns {
		got, ok := t.Columns[c.name]
		base := strings.FieldsFunc(got, func(r rune) bool { return r == '(' || r == ' ' })
		switch {
		case !ok:
			d.Missing = append(d.Missing, c.name)
		case len(base) == 0 || !slices.Contains(c.types, base[0]):
			d.Types = append(d.Types, fmt.Sprintf("%s is %s, want %s", c.name, foreign.Text(got), c.types[0]))
		}
	}
	for _, i := range want.indexes {
		switch name := t.index(i.Columns...); {
		case i.Unique && (name == "" || !t.unique(name)):
			d.Slow = append(d.Slow, "unique index over "+strings.Join(i.Columns, ", "))
		case name == "":
			d.Slow = append(d.Slow, "index over "+strings.Join(i.Columns, ", "))
		}
	}
	return d
}

func (t Table) unique(index string) bool {
	return slices.ContainsFunc(t.Indexes, func(i Index) bool { return i.Name == index && i.Unique })
}

const (
	sqlColumns = "SHOW COLUMNS FROM "
	sqlIndexes = "SHOW INDEX FROM "
)

// paymentTable looks at the payment table.
func (r *Reader) paymentTable(ctx context.Context) (Table, error) { return r.table(ctx, "payment") }

// table looks at a table by its name in schema.sql. One that is as it should be is
// looked at once for each connection; any other every time, for somebody may just
// be mending it.
func (r *Reader) table(ctx context.Context, name string) (Table, error) {
	if t, ok := r.session.tables[name]; ok {
		r.tables[name], r.cached = t, true
		return t, nil
	}
	return r.look(ctx, name)
}

// look looks at a table, whatever was known of it.
func (r *Reader) look(ctx context.Context, name string) (Table, error) {
	delete(r.session.tables, name)
	t := Table{Name: name, Columns: map[string]string{}, Nullable: map[string]bool{}}
	err := r.run(ctx, sqlColumns+name, sqlColumns+name, nil, func(rows *sql.Rows) error {
		field, err := namedFields(rows)
		if err != nil {
			return err
		}
		column := strings.ToLower(field["field"])
		t.Columns[column], t.Nullable[column] = strings.ToLower(field["type"]), field["null"] == "YES"
		return nil
	})
	if err != nil {
		return t, err
	}
	err = r.run(ctx, sqlIndexes+name, sqlIndexes+name, nil, func(rows *sql.Rows) error {
		field, err := namedFields(rows)
		if err != nil {
			return err
		}
		t.addIndexColumn(field)
		return nil
	})
	if err != nil {
		return t, err
	}
	t.Indexes = slices.DeleteFunc(t.Indexes, func(i Index) bool { return slices.Contains(i.Columns, "") })
	r.tables[name] = t
	if t.Drift().None() {
		r.session.tables[name] = t
	}
	return t, nil
}

// addIndexColumn takes a row of SHOW INDEX. An index that cannot be used as a
// whole (part of a column, set to be ignored, full text) gets a column "".
func (t *Table) addIndexColumn(row map[string]string) {
	column := strings.ToLower(row["column_name"])
	if row["sub_part"] != "" || row["ignored"] == "YES" || row["index_type"] != "BTREE" {
		column = ""
	}
	name := row["key_name"]
	if n := len(t.Indexes); n == 0 || t.Indexes[n-1].Name != name {
		t.Indexes = append(t.Indexes, Index{Name: name, Unique: row["non_unique"] == "0"})
	}
	last := &t.Indexes[len(t.Indexes)-1]
	last.Columns = append(last.Columns, column)
}

// namedFields reads a row of SHOW, whose columns differ from version to version.
func namedFields(rows *sql.Rows) (map[string]string, error) {
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	values := make([]sql.NullString, len(names))
	into := make([]any, len(names))
	for i := range values {
		into[i] = &values[i]
	}
	if err := rows.Scan(into...); err != nil {
		return nil, err
	}
	fields := make(map[string]string, len(names))
	for i, n := range names {
		fields[strings.ToLower(n)] = values[i].String
	}
	return fields, nil
}

// lacks is the failure of a table without columns that a question needs.
func (r *Reader) lacks(t Table, columns []string) error {
	if r.session.account.Partial {
		return &fault.Failure{
			Class: fault.Permission,
			Said:  foreign.Text("the account sees no column " + strings.Join(columns, ", ") + " of " + t.Name),
			Next:  fmt.Sprintf("Have it granted: GRANT SELECT ON `%s`.* TO the account %s", r.shard.database, r.shard.user),
		}
	}
	return &fault.Failure{
		Class: fault.Schema,
		Said:  foreign.Text("the table " + t.Name + " has no column " + strings.Join(columns, ", ")),
		Next:  "Compare it with the payment system's schema.sql",
	}
}
