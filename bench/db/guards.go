package db

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"payops-mcp/bench/internal/stat"
	"payops-mcp/bench/internal/subject"
	"payops-mcp/sandbox/stack"
)

// ofGo is a line of go test -bench.
var ofGo = regexp.MustCompile(`(?m)^Benchmark(Guarded|Bare)Query\S*\s+\d+\s+([0-9.]+) ns/op`)

// guards compares a statement in a read-only transaction with a limit at the server,
// the database's clock and the rollback, with the same statement alone: by the
// benchmarks that stand beside the code, for nobody else may use it.
func (r *rig) guards(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^Benchmark(Guarded|Bare)Query$", "-benchtime", strconv.Itoa(10*r.Calls)+"x", "-count", "5",
		"payops-mcp/dbquery-mcp/internal/paydb")
	cmd.Env = os.Environ()
	values := r.stack.Env()
	maps.Copy(values, r.stack.AdminEnv())
	for name, value := range values {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	took := map[string][]float64{}
	for _, m := range ofGo.FindAllStringSubmatch(string(out), -1) {
		ns, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			return err
		}
		took[m[1]] = append(took[m[1]], ns/1e6)
	}
	if len(took["Guarded"]) == 0 || len(took["Bare"]) == 0 {
		return fmt.Errorf("the benchmarks said\n%s", out)
	}
	guarded, bare := stat.Median(took["Guarded"]), stat.Median(took["Bare"])
	r.figures.Add("a guarded statement, over the bare one", r.size, "ms", guarded-bare).AtMost(guardOver).Says("%.3f ms and %.3f ms", guarded, bare)
	return nil
}

// heavy takes the database as long as it may.
const heavy = "SELECT COUNT(*) FROM payment a JOIN payment b ON a.amount < b.amount"

// cancelled measures from the word that nobody waits any more to the moment when the
// database does not run the statement any more.
func (r *rig) cancelled(ctx context.Context) error {
	p, err := r.selecting(ctx)
	if err != nil {
		return err
	}
	defer p.Kill()
	var took []float64
	for range 5 {
		w, err := p.Send("tools/call", subject.Call{Tool: "run_select", Args: map[string]any{"sql": heavy, "shard": r.first.Name()}})
		if err != nil {
			return err
		}
		if err := r.await(ctx, 1, time.Minute); err != nil {
			return err
		}
		begin := time.Now()
		if err := p.Cancel(w); err != nil {
			return err
		}
		if err := r.await(ctx, 0, time.Minute); err != nil {
			return err
		}
		took = append(took, ms(time.Since(begin)))
	}
	r.figures.Add("a cancelled call's statement is gone after", r.size, "ms", stat.Median(took)).AtMost(cancelledWithin)
	return nil
}

// await waits until so many statements of the reader run that join the table with
// itself.
func (r *rig) await(ctx context.Context, want int, within time.Duration) error {
	conn, err := r.first.Admin().Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	for deadline := time.Now().Add(within); ; {
		var n int
		err := conn.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER=? AND COMMAND='Query' AND INFO LIKE '%COUNT(*)%JOIN%'", stack.ReaderUser).Scan(&n)
		if err != nil || n == want {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s later %d statements run, want %d", within, n, want)
		}
		if err := rest(ctx, time.Millisecond); err != nil {
			return err
		}
	}
}

// capped compares SELECT * of everything, which is capped, with SELECT * and the same
// number of rows as LIMIT.
func (r *rig) capped(ctx context.Context) error {
	p, err := r.selecting(ctx)
	if err != nil {
		return err
	}
	defer p.Kill()
	const rows = 50
	whole, limited := []float64{}, []float64{}
	for range r.Calls {
		for _, x := range []struct {
			sql  string
			into *[]float64
		}{{"SELECT * FROM payment", &whole}, {"SELECT * FROM payment LIMIT " + strconv.Itoa(rows), &limited}} {
			a, err := p.Call(ctx, subject.Call{Tool: "run_select", Args: map[string]any{"sql": x.sql, "shard": r.first.Name(), "limit": rows}})
			if err != nil {
				return err
			}
			if a.IsError || !strings.Contains(a.Text, "order-1") {
				return errors.New("void: run_select answered\n" + a.Text)
			}
			*x.into = append(*x.into, ms(a.Took))
		}
	}
	r.figures.Add("SELECT * of everything, over LIMIT", r.size, "ms", stat.Median(whole)-stat.Median(limited)).AtMost(cappedOverLimit).
		Says("%.2f ms and %.2f ms", stat.Median(whole), stat.Median(limited))
	return nil
}
