package mariadb

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"

	"github.com/dolthub/go-mysql-server/server"
	"github.com/dolthub/vitess/go/mysql"
	"github.com/dolthub/vitess/go/sqltypes"
	querypb "github.com/dolthub/vitess/go/vt/proto/query"
	"github.com/dolthub/vitess/go/vt/sqlparser"
)

// interceptor stands between the clients and go-mysql-server.
type interceptor struct{ server *Server }

type spool = func(res *sqltypes.Result, more bool) error

// Priority is the interceptor's place among others; there are none.
func (interceptor) Priority() int { return 0 }

// Query is one statement, as text.
func (i interceptor) Query(ctx context.Context, chain server.Chain, c *mysql.Conn, query string, back spool) error {
	return i.server.execute(ctx, c, query, back, func(ctx context.Context, bent string) error {
		return chain.ComQuery(ctx, c, bent, decimals(back))
	})
}

// MultiQuery is one or several statements; what it does not do it returns.
func (i interceptor) MultiQuery(ctx context.Context, chain server.Chain, c *mysql.Conn, query string, back spool) (rest string, err error) {
	first, rest, err := sqlparser.SplitStatement(query)
	if err != nil {
		first, rest = query, ""
	}
	return rest, i.server.execute(ctx, c, first, func(res *sqltypes.Result, more bool) error {
		return back(res, more || strings.TrimSpace(rest) != "")
	}, func(ctx context.Context, bent string) error {
		_, err := chain.ComMultiQuery(ctx, c, bent, decimals(func(res *sqltypes.Result, more bool) error {
			return back(res, more || strings.TrimSpace(rest) != "")
		}))
		return err
	})
}

// ParsedQuery is not used by the server of this version.
func (i interceptor) ParsedQuery(chain server.Chain, c *mysql.Conn, query string, _ sqlparser.Statement, back spool) error {
	return i.Query(context.Background(), chain, c, query, back)
}

// Prepare prepares a statement as it is: those that need bending are not
// prepared by anybody.
func (i interceptor) Prepare(ctx context.Context, chain server.Chain, c *mysql.Conn, query string, prepare *mysql.PrepareData) (fields []*querypb.Field, err error) {
	err = i.server.turns.run(ctx, func() error {
		fields, err = chain.ComPrepare(ctx, c, query, prepare)
		return err
	})
	return fields, err
}

// StmtExecute is a prepared statement.
func (i interceptor) StmtExecute(ctx context.Context, chain server.Chain, c *mysql.Conn, prepare *mysql.PrepareData, back func(*sqltypes.Result) error) error {
	return i.server.execute(ctx, c, prepare.PrepareStmt, nil, func(ctx context.Context, _ string) error {
		return chain.ComStmtExecute(ctx, c, prepare, back)
	})
}

// execute does a statement as MariaDB would. back may be nil when nothing is to
// be answered but by run.
func (s *Server) execute(ctx context.Context, c *mysql.Conn, statement string, back spool, run func(context.Context, string) error) error {
	one := s.session(c.RemoteAddr().String(), c.User)
	bent := bend(statement, one)
	if answer := s.answer(bent.text, one); answer != nil && back != nil {
		return back(answer, false)
	}
	bent.text = s.withInfo(bent.text)
	if bent.limit > 0 {
		limited, cancel := context.WithTimeout(ctx, bent.limit)
		defer cancel()
		ctx = limited
	}
	err := s.inTurn(ctx, one, bent.text, run)
	if interrupted(ctx, err) {
		return errTooLong()
	}
	if err != nil && s.options.Failed != nil {
		s.options.Failed(statement, err)
	}
	return known(err)
}

// decimals has sums be what they are in MariaDB: go-mysql-server adds whole
// numbers up to a float, which clients then write with an exponent. The schema
// has no floats.
func decimals(back spool) spool {
	return func(res *sqltypes.Result, more bool) error {
		for i, f := range res.Fields {
			if f.Type != querypb.Type_FLOAT64 {
				continue
			}
			// A copy: the field is shared with whoever asks the same again.
			res.Fields[i] = &querypb.Field{Name: f.Name, Type: querypb.Type_DECIMAL, Table: f.Table, OrgTable: f.OrgTable,
				Database: f.Database, OrgName: f.OrgName, ColumnLength: f.ColumnLength, Charset: f.Charset, Decimals: f.Decimals, Flags: f.Flags}
		}
		for _, row := range res.Rows {
			for i, v := range row {
				if v.IsFloat() {
					row[i] = decimal(v)
				}
			}
		}
		return back(res, more)
	}
}

func decimal(v sqltypes.Value) sqltypes.Value {
	text := v.ToString()
	if f, err := strconv.ParseFloat(text, 64); err == nil && strings.ContainsAny(text, "eE") {
		text = strconv.FormatFloat(f, 'f', -1, 64)
	}
	return sqltypes.MakeTrusted(querypb.Type_DECIMAL, []byte(text))
}

// errReadOnly is what MariaDB says to who writes in a READ ONLY transaction.
func errReadOnly() error {
	return mysql.NewSQLError(1792, "25006", "Cannot execute statement in a READ ONLY transaction")
}

// inTurn runs a statement when nobody is in the way.
func (s *Server) inTurn(ctx context.Context, one *session, text string, run func(context.Context, string) error) error {
	now := func() error {
		return s.turns.run(ctx, func() error { return run(ctx, text) })
	}
	switch word := verb(text); {
	case word == "BEGIN" || word == "START":
		s.end(one)
		one.transaction, one.readOnly = true, one.alwaysRead || readOnlyBegin.MatchString(text)
		if one.readOnly {
			// go-mysql-server panics at a write in one that it knows to be so.
			text = "START TRANSACTION"
		}
		return now()
	case word == "COMMIT" || word == "ROLLBACK":
		if one.readOnly {
			text = "ROLLBACK"
		}
		err := now()
		s.end(one)
		return err
	case !writes[word] && !locking.MatchString(text):
		return now()
	case one.readOnly || one.alwaysRead && !one.transaction:
		return errReadOnly()
	case one.writing:
		return now()
	}
	if err := s.turns.write(ctx, one.lockWait); err != nil {
		return err
	}
	if one.transaction {
		one.writing = true
		return now()
	}
	defer s.turns.written()
	return now()
}

var (
	readOnlyBegin = regexp.MustCompile(`(?i)\bREAD\s+ONLY\b`)
	locking       = regexp.MustCompile(`(?i)\bFOR\s+UPDATE\b|\bLOCK\s+IN\s+SHARE\s+MODE\b`)
)

// end ends a session's transaction.
func (s *Server) end(one *session) {
	one.transaction, one.readOnly = false, false
	if one.writing {
		one.writing = false
		s.turns.written()
	}
}

// known gives errors the number that MariaDB gives them, where
// go-mysql-server has none.
func known(err error) error {
	said, ok := errors.AsType[*mysql.SQLError](err)
	if !ok {
		if err == nil {
			return nil
		}
		said = &mysql.SQLError{Num: 1105, State: "HY000", Message: err.Error()}
	}
	if said.Num != 1105 {
		return err
	}
	switch text := said.Message; {
	case strings.Contains(text, "syntax error"):
		return mysql.NewSQLError(1064, "42000", "You have an error in your SQL syntax: %s", text)
	case strings.Contains(text, "could not be found in any table"):
		return mysql.NewSQLError(1054, "42S22", "Unknown column: %s", text)
	case strings.Contains(text, "command denied"):
		return mysql.NewSQLError(1142, "42000", "%s", text)
	}
	return err
}
