package db

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"payops-mcp/bench/internal/programs"
	"payops-mcp/bench/internal/result"
	"payops-mcp/sandbox/binaries"
	"payops-mcp/sandbox/stack"
)

// The bounds, from what the project has promised.
const (
	ofWall, ofCPU    = 0.70, 0.65
	ofStatement      = 0.02
	ofHistory        = 0.30
	clientMemory     = 40.0 // MB
	guardOver        = 0.3  // ms
	cancelledWithin  = 50.0 // ms
	cappedOverLimit  = 5.0  // ms
	bufferPool       = 4 << 30
	redoLog          = 1 << 30
	smallBufferPool  = 256 << 20
	smallRedoLog     = 64 << 20
	smallBelow       = 200_000 // payments
	otherShardShare  = 10      // the second shard has this part of the first one's payments
	waitForWriters   = 2       // seconds of writing before anything is measured beside it
	writersOfHistory = 4
)

// Options say how much is measured.
type Options struct {
	Payments []int // sizes, in payments of the first shard
	Runs     int   // whole runs on the first size; the others are measured once
	Calls    int   // of run_select in a run
	Log      io.Writer
}

// rig is what a run works with.
type rig struct {
	Options
	figures result.Figures
	stack   *stack.Stack
	first   *stack.MariaDB
	pid     int // of the first shard's server
	program string
	cli     string
	size    string
	n       int
	want    map[string][]int64
}

// Run measures. It returns the figures and the versions of what was measured.
func Run(ctx context.Context, o Options) (figures []result.Figure, versions []string, err error) {
	if missing := stack.Missing(stack.PartMariaDB); len(missing) > 0 {
		return nil, nil, fmt.Errorf("not installed: %s", missing[0].Name)
	}
	r := &rig{Options: o}
	if r.cli, err = exec.LookPath("mariadb"); err != nil {
		return nil, nil, fmt.Errorf("the peer, the mariadb command-line client, is not installed: %w", err)
	}
	dir, err := os.MkdirTemp("", "payops-bench-")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(dir)
	built, err := programs.Build(ctx, dir, binaries.DBQuery)
	if err != nil {
		return nil, nil, err
	}
	r.program = built[binaries.DBQuery]
	if r.stack, err = stack.Start(ctx, stack.Options{Parts: stack.PartMariaDB, KeepFresh: -1}); err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, r.stack.Close()) }()
	if err := r.prepare(ctx); err != nil {
		return nil, nil, err
	}
	for i, n := range o.Payments {
		if err := r.measure(ctx, n, i == 0); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", r.size, err)
		}
	}
	of, err := programs.Versions(r.program, "github.com/go-sql-driver/mysql", "github.com/mark3labs/mcp-go")
	for _, v := range of {
		versions = append(versions, binaries.DBQuery+": "+v)
	}
	var server string
	if e := r.first.Admin().QueryRowContext(ctx, "SELECT VERSION()").Scan(&server); e == nil {
		versions = append(versions, "mariadbd: "+server)
	}
	return r.figures.Judged(), versions, err
}

func (r *rig) say(format string, args ...any) { fmt.Fprintf(r.Log, format+"\n", args...) }

// prepare gives the servers the memory that a database of this size has, and the
// tables that writers write.
func (r *rig) prepare(ctx context.Context) (err error) {
	r.first = r.stack.Shards[0]
	if r.pid, err = pidOf(r.stack.Dir, r.first.Name()); err != nil {
		return err
	}
	pool, redo := smallBufferPool, smallRedoLog
	for _, n := range r.Payments {
		if n >= smallBelow {
			pool, redo = bufferPool, redoLog
		}
	}
	for _, statement := range []string{
		fmt.Sprintf("SET GLOBAL innodb_buffer_pool_size=%d", pool),
		fmt.Sprintf("SET GLOBAL innodb_log_file_size=%d", redo),
		"SET GLOBAL innodb_flush_log_at_trx_commit=0",
		"SET GLOBAL innodb_monitor_enable='trx_rseg_history_len'",
		"CREATE TABLE hot (id INT PRIMARY KEY, n BIGINT NOT NULL) ENGINE=InnoDB",
		"INSERT INTO hot SELECT seq, 0 FROM seq_1_to_64",
		"CREATE TABLE written (id BIGINT AUTO_INCREMENT PRIMARY KEY, n BIGINT NOT NULL, state VARCHAR(20) NOT NULL) ENGINE=InnoDB",
	} {
		if _, err := r.first.Admin().ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// measure fills the shards and measures: whole runs where it is the first size, one
// where it is another.
func (r *rig) measure(ctx context.Context, n int, first bool) error {
	r.n, r.size, r.want = n, inWords(n), planted(n)
	for i, shard := range r.stack.Shards {
		many := n
		if i > 0 {
			many = max(n/otherShardShare, LeastPayments)
		}
		r.say("%s payments: writing %d on %s", r.size, many, shard.Name())
		if err := fill(ctx, shard.Admin(), shard.Shard, many); err != nil {
			return err
		}
	}
	runs := 1
	if first {
		runs = r.Runs
	}
	steps := []struct {
		about string
		do    func(context.Context) error
	}{
		{"one statement, four checks, all checks", r.compare},
		{"the longest statement", r.longest},
		{"history kept", r.history},
		{"a writer beside it", r.writer},
		{"both shards", r.both},
	}
	if first {
		steps = append(steps, []struct {
			about string
			do    func(context.Context) error
		}{{"guards of a statement", r.guards}, {"a call cancelled", r.cancelled}, {"a selection of everything", r.capped}}...)
	}
	for run := range runs {
		for _, s := range steps {
			r.say("%s payments, run %d of %d: %s", r.size, run+1, runs, s.about)
			if err := s.do(ctx); err != nil {
				return fmt.Errorf("%s: %w", s.about, err)
			}
		}
	}
	return nil
}

func inWords(n int) string {
	if n%1_000_000 == 0 {
		return fmt.Sprintf("%dM", n/1_000_000)
	}
	return fmt.Sprintf("%dk", n/1000)
}
