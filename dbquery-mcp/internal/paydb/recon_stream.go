package paydb

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// stream asks a SELECT within the statement limit and calls each for every row, as
// the driver gives it: numbers as int64, words and decimals as bytes that are good
// until the next row. Scanning millions of rows through database/sql would cost
// more than the reading itself.
func (r *Reader) stream(ctx context.Context, name, query string, args []any, each func(row []driver.Value) error) error {
	return r.streamAfter(ctx, name, query, args, func() {}, each)
}

// streamAfter does something of ours while the database begins to answer: rows wait in
// the connection's buffers until then.
func (r *Reader) streamAfter(ctx context.Context, name, query string, args []any, meanwhile func(), each func(row []driver.Value) error) error {
	if r.err != nil {
		return r.err
	}
	limit := r.limit()
	if end, ok := ctx.Deadline(); ok {
		left := time.Until(end)
		limit = min(limit, left-min(answerLead, left/5))
	}
	limit = max(limit, time.Millisecond)
	ctx, cancel := context.WithTimeout(ctx, limit+answerGrace)
	defer cancel()
	r.asked = name + " (at most " + limit.Round(time.Millisecond).String() + ")"
	query = fmt.Sprintf("SET STATEMENT max_statement_time=%.3f FOR %s", limit.Seconds(), query)
	return r.ended(ctx, r.conn.Raw(func(any) error { return r.session.each(ctx, query, args, meanwhile, each) }))
}

func (s *session) each(ctx context.Context, query string, args []any, meanwhile func(), each func(row []driver.Value) error) (err error) {
	named := make([]driver.NamedValue, len(args))
	for i, a := range args {
		if n, ok := a.(int); ok {
			a = int64(n)
		}
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	rows, err := s.QueryContext(ctx, query, named)
	if err != nil {
		return err
	}
	defer func() {
		if failed := rows.Close(); err == nil {
			err = failed
		}
	}()
	meanwhile()
	row := make([]driver.Value, len(rows.Columns()))
	for {
		err := rows.Next(row)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = each(row)
		}
		if err != nil {
			return err
		}
	}
}

// wholeOf is a whole number as the driver gives it.
func wholeOf(v driver.Value) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case uint64:
		return int64(v), v <= 1<<63-1 //nolint:gosec // compared
	case []byte:
		n, err := strconv.ParseInt(string(v), 10, 64)
		return n, err == nil
	}
	return 0, false
}

// bytesOf are words as the driver gives them; nil for NULL.
func bytesOf(v driver.Value) []byte {
	b, _ := v.([]byte)
	return b
}
