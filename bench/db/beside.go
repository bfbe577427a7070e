package db

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"payops-mcp/bench/internal/stat"
	"payops-mcp/bench/internal/subject"
	"payops-mcp/sandbox/stack"
)

// longest compares the longest statements, by the database's own log of them.
func (r *rig) longest(ctx context.Context) (err error) {
	admin := r.first.Admin()
	for _, statement := range []string{"SET GLOBAL log_output='TABLE'", "SET GLOBAL long_query_time=0", "SET GLOBAL slow_query_log=1", "TRUNCATE TABLE mysql.slow_log"} {
		if _, err := admin.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	defer func() {
		_, e := admin.ExecContext(context.WithoutCancel(ctx), "SET GLOBAL slow_query_log=0; SET GLOBAL long_query_time=10")
		err = errors.Join(err, e)
	}()
	longest := func() (seconds float64, err error) {
		// A statement is logged when its answer has been sent.
		for deadline := time.Now().Add(10 * time.Second); seconds == 0 && err == nil && time.Now().Before(deadline); {
			err = admin.QueryRowContext(ctx, "SELECT COALESCE(MAX(TIME_TO_SEC(query_time)), 0) FROM mysql.slow_log WHERE user_host LIKE ? AND sql_text LIKE '%ledger_entry%'", stack.ReaderUser+"%").Scan(&seconds)
			if err == nil && seconds == 0 {
				err = rest(ctx, 20*time.Millisecond)
			}
		}
		if err == nil {
			_, err = admin.ExecContext(ctx, "TRUNCATE TABLE mysql.slow_log")
		}
		return seconds, err
	}
	if _, err := r.peer(ctx); err != nil {
		return err
	}
	single, err := longest()
	if err != nil {
		return err
	}
	p, err := r.start(ctx, 1, nil)
	if err != nil {
		return err
	}
	defer p.Kill()
	if _, err := r.reconcile(ctx, p, fourChecks(nil)); err != nil {
		return err
	}
	chunk, err := longest()
	if err != nil {
		return err
	}
	if single == 0 || chunk == 0 {
		return errors.New("the database's log of statements has none of them")
	}
	r.figures.Add("longest statement, of the single statement", r.size, "times", chunk/single).AtMost(ofStatement).Says("%.1f ms of %.0f ms", chunk*1000, single*1000)
	return nil
}

// history compares by how much the old versions grow that the database has to keep
// while something reads and others write. The writers alone are always some way ahead
// of the purge: that is nobody's reading.
func (r *rig) history(ctx context.Context) error {
	p, err := r.start(ctx, 1, nil)
	if err != nil {
		return err
	}
	defer p.Kill()
	writing, stop := context.WithCancel(ctx)
	defer stop()
	var all sync.WaitGroup
	failed := make([]error, writersOfHistory)
	for i := range writersOfHistory {
		all.Go(func() { failed[i] = r.updates(writing, i) })
	}
	idle, err := r.most(ctx, func() error { return rest(ctx, waitForWriters*time.Second) })
	var single, chunked float64
	if err == nil {
		single, err = r.most(ctx, func() error { _, err := r.peer(ctx); return err })
	}
	if err == nil {
		err = r.purged(ctx, 2*idle)
	}
	if err == nil {
		chunked, err = r.most(ctx, func() error { _, err := r.reconcile(ctx, p, fourChecks(nil)); return err })
	}
	stop()
	all.Wait()
	if err := errors.Join(append(failed, err)...); err != nil {
		return err
	}
	if err := r.purged(ctx, 1000); err != nil {
		return err
	}
	if single <= idle {
		r.figures.Skip("growth of the history, of the single statement", r.size, "times", fmt.Sprintf("%.0f versions beside the single statement, %.0f while nothing reads", single, idle))
		return nil
	}
	r.figures.Add("growth of the history, of the single statement", r.size, "times", max(0, chunked-idle)/(single-idle)).AtMost(ofHistory).
		Says("%.0f and %.0f versions at most; %.0f while nothing reads", chunked, single, idle)
	return nil
}

func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// updates changes rows without rest until the context ends.
func (r *rig) updates(ctx context.Context, which int) error {
	conn, err := r.first.Admin().Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	for i := 0; ctx.Err() == nil; i++ {
		if _, err := conn.ExecContext(ctx, "UPDATE hot SET n=n+1 WHERE id=?", 1+which*16+i%16); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// past is how many old versions the database keeps.
func (r *rig) past(ctx context.Context) (n float64, err error) {
	err = r.first.Admin().QueryRowContext(ctx, "SELECT `COUNT` FROM information_schema.INNODB_METRICS WHERE NAME='trx_rseg_history_len'").Scan(&n)
	return n, err
}

// most is the largest number of old versions while something is done.
func (r *rig) most(ctx context.Context, do func() error) (most float64, err error) {
	done := make(chan error, 1)
	go func() { done <- do() }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		n, err := r.past(ctx)
		if err != nil {
			return 0, errors.Join(err, <-done)
		}
		most = max(most, n)
		select {
		case err := <-done:
			return most, err
		case <-tick.C:
		}
	}
}

// purged waits until the database has done away with old versions.
func (r *rig) purged(ctx context.Context, least float64) error {
	for deadline := time.Now().Add(time.Minute); ; {
		n, err := r.past(ctx)
		if err != nil || n <= max(least, 1000) {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("a minute later %.0f old versions are still kept", n)
		}
		if err := rest(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// writer measures how long a transaction of three statements takes while nothing
// reads, beside the single statement, and beside both paces of a reconciliation.
func (r *rig) writer(ctx context.Context) error {
	p, err := r.start(ctx, 1, nil)
	if err != nil {
		return err
	}
	defer p.Kill()
	for _, beside := range []struct {
		name string
		do   func() error
	}{
		{"nothing", func() error { return rest(ctx, waitForWriters*time.Second) }},
		{"the single statement", func() error { _, err := r.peer(ctx); return err }},
		{"four checks at full pace", func() error { _, err := r.reconcile(ctx, p, fourChecks(nil)); return err }},
		{"four checks at a gentle pace", func() error { _, err := r.reconcile(ctx, p, fourChecks(map[string]any{"pace": "gentle"})); return err }},
	} {
		begin := time.Now()
		took, err := r.waits(ctx, beside.do)
		if err != nil {
			return err
		}
		r.figures.Add("p99 of a writer beside "+beside.name, r.size, "ms", stat.Quantile(took, 0.99)).
			Says("p50 %.2f ms, longest %.1f ms, over %.1f s", stat.Median(took), slices.Max(took), time.Since(begin).Seconds())
	}
	return nil
}

// waits writes every 2 ms while something is done, and returns how long each took, in
// milliseconds.
func (r *rig) waits(ctx context.Context, do func() error) (took []float64, err error) {
	conn, err := r.first.Admin().Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	done := make(chan error, 1)
	go func() { done <- do() }()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		begin := time.Now()
		for _, statement := range []string{
			"BEGIN", "INSERT INTO written (n, state) VALUES (1, 'new')", "UPDATE written SET state='done' WHERE id=LAST_INSERT_ID()",
			"INSERT INTO written (n, state) VALUES (2, 'event')", "COMMIT",
		} {
			if _, err := conn.ExecContext(ctx, statement); err != nil {
				return nil, errors.Join(err, <-done)
			}
		}
		took = append(took, ms(time.Since(begin)))
		select {
		case err := <-done:
			return took, err
		case <-tick.C:
		}
	}
}

// selecting starts a server that takes SELECTs.
func (r *rig) selecting(ctx context.Context) (*subject.Process, error) {
	return r.start(ctx, 1, map[string]string{"DB_ALLOW_RUN_SELECT": "true", "DB_STATEMENT_TIMEOUT": "30s"})
}
