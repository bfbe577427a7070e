package tools

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"payops-mcp/dbquery-mcp/internal/diagnose"
	"payops-mcp/dbquery-mcp/internal/gate"
	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
	"payops-mcp/shared/tool"
)

// SelectIn are the arguments of run_select.
type SelectIn struct {
	SQL   string `json:"sql" jsonschema:"one statement: SELECT, WITH … SELECT, EXPLAIN SELECT, DESCRIBE t, SHOW TABLES, SHOW TABLE STATUS, SHOW COLUMNS FROM t, SHOW INDEX FROM t, SHOW CREATE TABLE t" min:"1" max:"32768"`
	Shard string `json:"shard,omitempty" jsonschema:"one shard, e.g. shard1; default all" min:"1" max:"40"`
	Limit int    `json:"limit,omitempty" jsonschema:"rows of each shard" default:"20" min:"1" max:"200"`
}

// SelectData is what run_select answers.
type SelectData struct {
	Columns []SelectColumn `json:"columns"`
	Rows    []SelectRow    `json:"rows"`
	Notes   []string       `json:"notes,omitempty"`
	// Warnings are what the databases remarked; a value may be wrong by it.
	Warnings []ShardWarning `json:"warnings,omitempty"`
}

// SelectColumn is a column. Its name is the caller's or the database's, and may
// stand twice.
type SelectColumn struct {
	Name foreign.Text `json:"name"`
	Type string       `json:"type"`
}

// SelectRow is a row of one shard, in the order of the columns. A number, a time
// or hexadecimal digits are plain; all else is foreign text.
type SelectRow struct {
	Shard  string `json:"shard"`
	Values []any  `json:"values"`
}

// ShardWarning is a remark of a shard's database.
type ShardWarning struct {
	Shard string       `json:"shard"`
	Said  foreign.Text `json:"said"`
}

func (d Deps) handleRunSelect(ctx context.Context, in SelectIn) (report.Answer[SelectData], error) {
	var a report.Answer[SelectData]
	if d.Scope.Limited() {
		return a, fault.New(fault.Refused, "Ask query_payments and the other tools, which keep to the scope",
			"run_select is closed on this server: PAYOPS_MERCHANT_SCOPE binds it to some merchants (%s), and what a free SELECT reads cannot be bound", d.Scope.String())
	}
	db, err := d.shardOf(in.Shard)
	if err != nil {
		return a, err
	}
	statement, err := gate.Judge(in.SQL)
	if refusal, ok := errors.AsType[*gate.Refusal](err); ok {
		return a, fault.New(fault.Refused, refusal.Instead, "%s (%s)", foreign.Clean(refusal.What, foreign.MaxText), refusal.Place)
	}
	if err != nil {
		return a, err
	}
	replies, err := db.Select(ctx, selection(statement, in.Limit))
	if err != nil {
		return a, err
	}
	if err := rejectedByAll(replies); err != nil {
		return a, err
	}
	s := selected{kind: statement.Kind, limit: in.Limit, replies: replies}
	shards := diagnose.Shards{}
	for _, r := range replies {
		shards.Asked = append(shards.Asked, r.Asked)
		a.Sources = append(a.Sources, r.Source)
		if a.AsOf.IsZero() && r.Source.OK() {
			a.AsOf = r.Clock.Database.In(d.Zone)
		}
	}
	found, ran := diagnose.Judge(shards)
	a.Findings = found
	a.Summary, a.Coverage, a.Data = s.summary(), s.coverage(), s.data()
	a.Conclude(ran...)
	if a.Verdict == catalog.OK {
		a.Because = "every shard answered; a SELECT judges nothing"
	}
	return a, nil
}

func (d Deps) shardOf(name string) (*paydb.DB, error) {
	if name == "" {
		return d.DB, nil
	}
	db, ok := d.DB.Only(name)
	if !ok {
		return nil, fault.Invalidf("shard %s: want one of %s", foreign.Text(name).Quoted(), strings.Join(d.DB.Shards(), ", "))
	}
	return db, nil
}

func selection(s gate.Statement, limit int) paydb.Selection {
	ask := paydb.Selection{SQL: s.SQL(limit + 1), Rows: limit, With: s.With}
	for _, t := range s.Tables {
		ask.Tables = append(ask.Tables, paydb.TableName{Schema: t.Schema, Name: t.Name})
	}
	return ask
}

// rejectedByAll is a statement that no database takes: the caller's to mend. One
// that some take shows that the shards differ, which is part of the answer.
func rejectedByAll(replies []paydb.Reply[paydb.Selected]) error {
	var first *fault.Failure
	for _, r := range replies {
		if r.Source.OK() {
			return nil
		}
		if r.Source.Err.Class == paydb.StatementRejected && first == nil {
			first = r.Source.Err
		}
	}
	if first == nil {
		return nil
	}
	return fault.New(fault.Invalid, first.Next, "the database does not take the statement: %s", first.Said.Quoted())
}

// selected is what the shards answered, put together.
type selected struct {
	kind    gate.Kind
	limit   int
	replies []paydb.Reply[paydb.Selected]
}

// answered are the shards that did, one database once.
func (s selected) answered() (all []paydb.Reply[paydb.Selected]) {
	for _, r := range s.replies {
		if r.Source.OK() && r.SameAs == "" {
			all = append(all, r)
		}
	}
	return all
}

func (s selected) summary() string {
	n, parts := 0, []string{}
	for _, r := range s.replies {
		switch {
		case !r.Source.OK():
			parts = append(parts, r.Shard+" gave no answer: "+string(r.Source.Err.Class))
		case r.SameAs == "":
			n += len(r.Facts.Rows)
			parts = append(parts, fmt.Sprintf("%s %d", r.Shard, len(r.Facts.Rows)))
		}
	}
	if len(s.answered()) == 0 {
		return "UNKNOWN - " + strings.Join(parts, ", ")
	}
	rows := "rows"
	if n == 1 {
		rows = "row"
	}
	text := fmt.Sprintf("%d %s (%s)", n, rows, strings.Join(parts, ", "))
	if s.cut() {
		text += "; there are more"
	}
	return text
}

func (s selected) cut() bool {
	return slices.ContainsFunc(s.answered(), func(r paydb.Reply[paydb.Selected]) bool { return r.Facts.More || r.Facts.Big })
}

func (s selected) coverage() (c report.Coverage) {
	c.Looked, c.Not = []string{heard(asked(s.replies))}, silent(asked(s.replies))
	for _, r := range s.answered() {
		switch {
		case r.Facts.Big:
			c.Not = append(c.Not, r.Shard+": what follows row "+fmt.Sprint(len(r.Facts.Rows))+", as the rows are too big")
			c.More = "select fewer columns, or LEFT(column, 200)"
		case r.Facts.More && c.More == "":
			c.More = "a larger limit, a narrower WHERE, or LIMIT … OFFSET"
		}
	}
	c.Cut = s.cut()
	return c
}

func (s selected) data() SelectData {
	d := SelectData{Columns: []SelectColumn{}, Rows: []SelectRow{}}
	for i, r := range s.answered() {
		if len(d.Columns) == 0 {
			for _, c := range r.Facts.Columns {
				d.Columns = append(d.Columns, SelectColumn{Name: c.Name, Type: c.Type})
			}
		}
		for _, row := range r.Facts.Rows {
			d.Rows = append(d.Rows, SelectRow{Shard: r.Shard, Values: s.values(row)})
		}
		for _, w := range r.Facts.Warnings {
			d.Warnings = append(d.Warnings, ShardWarning{Shard: r.Shard, Said: w})
		}
		if i > 0 && len(r.Facts.Columns) > 0 && !slices.Equal(columnNames(r.Facts.Columns), selectNames(d.Columns)) {
			d.Notes = append(d.Notes, "the columns of "+r.Shard+" have other names; its values stand in its own order")
		}
	}
	if slices.ContainsFunc(d.Columns, func(c SelectColumn) bool { return c.Type == "TIMESTAMP" || c.Type == "DATETIME" }) {
		d.Notes = append(d.Notes, "times are as stored: TIMESTAMP columns and NOW() in UTC, DATETIME columns in the zone of who wrote them (the payment system writes UTC)")
	}
	for _, r := range s.replies {
		if len(r.Account.Wider) > 0 {
			d.Notes = append(d.Notes, fmt.Sprintf("the account %s of %s may do more than read: %s", foreign.Text(r.Account.User).Quoted(), r.Shard, r.Account.WiderText()))
		}
	}
	return d
}

func columnNames(all []paydb.Column) (names []foreign.Text) {
	for _, c := range all {
		names = append(names, c.Name)
	}
	return names
}

func selectNames(all []SelectColumn) (names []foreign.Text) {
	for _, c := range all {
		names = append(names, c.Name)
	}
	return names
}

// values are the cells as they are shown. What SHOW and EXPLAIN give in several
// lines (a table's definition, a plan in JSON) is given line by line, as one value
// would be cut.
func (s selected) values(row []paydb.Cell) []any {
	values := make([]any, len(row))
	for i, c := range row {
		switch {
		case c.Null:
		case c.Plain:
			values[i] = string(c.Text)
		case s.kind != gate.Select && strings.Contains(string(c.Text), "\n"):
			lines := []foreign.Text{}
			for line := range strings.Lines(string(c.Text)) {
				lines = append(lines, foreign.Text(strings.TrimRight(line, "\n")))
			}
			values[i] = lines
		default:
			values[i] = c.Text
		}
	}
	return values
}

func (d Deps) runSelect() tool.Tool {
	return tool.Read(tool.Spec{
		Name:  "run_select",
		Title: "Run one SELECT",
		Description: "Runs one guarded statement on every shard, side by side, and gives each shard's rows apart. " +
			"Reach for it when no other tool answers the question; the payment schema's tables are payment, ledger_entry, outbox_event, idem_response_cache, settlement_request, refund_request. " +
			"It sees base tables of that schema only (no views, no stored functions, no locks), is bounded in time, rows and bytes, and never adds shards up.",
		Examples: []string{
			`{"sql":"SELECT status, COUNT(*) AS n, SUM(amount) AS amount FROM payment WHERE requested_at >= UTC_TIMESTAMP() - INTERVAL 1 HOUR GROUP BY status"}`,
			`{"sql":"SHOW INDEX FROM payment","shard":"shard1"}`,
		},
	}, d.handleRunSelect)
}
