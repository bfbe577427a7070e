package redis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"payops-mcp/bench/internal/programs"
	"payops-mcp/bench/internal/result"
	"payops-mcp/bench/internal/stat"
	"payops-mcp/bench/internal/subject"
	"payops-mcp/bench/internal/tokens"
	"payops-mcp/sandbox/binaries"
	"payops-mcp/sandbox/stack"
)

// The bounds.
const (
	ofBare, ofCLI, ofOneByOne = 1.6, 0.45, 0.22
	ofStall                   = 0.06
	budgetOver, shareOff      = 0.01, 0.01
	ofScanByName              = 0.2
	flat                      = 1.2
	checkOver                 = 0.3 // ms
	nearTokens                = 400
)

// Options say how much is measured.
type Options struct {
	Keys  []int // sizes of the Redis, in keys
	Runs  int   // whole runs on the first size; the others are measured once
	Calls int   // of check_rate_limit in a run
	Log   io.Writer
}

// rig is what a run works with.
type rig struct {
	Options
	figures result.Figures
	db      *redis.Client // may do everything
	user    [2]string     // name and password of it
	host    string
	port    string
	server  *subject.Process
	other   *other
	planted planted
	size    string
}

// Run measures. It returns the figures and the versions of what was measured.
func Run(ctx context.Context, o Options) (figures []result.Figure, versions []string, err error) {
	if missing := stack.Missing(stack.PartRedis); len(missing) > 0 {
		return nil, nil, fmt.Errorf("not installed: %s", missing[0].Name)
	}
	dir, err := os.MkdirTemp("", "payops-bench-")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(dir)
	program, err := programs.Build(ctx, dir, binaries.RedisCache, "bench/pinger")
	if err != nil {
		return nil, nil, err
	}
	s, err := stack.Start(ctx, stack.Options{Parts: stack.PartRedis, KeepFresh: -1})
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	r := &rig{Options: o}
	if err := r.open(ctx, s); err != nil {
		return nil, nil, err
	}
	defer func() { _ = r.db.Close() }()
	if r.other, err = startOther(ctx, program["pinger"], s.Redis.Addr(), r.user[0], r.user[1]); err != nil {
		return nil, nil, err
	}
	defer r.other.end()
	r.say("the size of an answer")
	if err := r.sizeOfAnswer(ctx, program[binaries.RedisCache], s.Redis.URL(stack.RedisReaderUser)); err != nil {
		return nil, nil, err
	}
	for i, n := range o.Keys {
		if err := r.measure(ctx, program[binaries.RedisCache], s.Redis.URL(stack.RedisReaderUser), n, i == 0); err != nil {
			return nil, nil, err
		}
	}
	r.flatness()
	of, err := programs.Versions(program[binaries.RedisCache], "github.com/redis/go-redis/v9", "github.com/mark3labs/mcp-go")
	for _, v := range of {
		versions = append(versions, binaries.RedisCache+": "+v)
	}
	return r.figures.Judged(), versions, err
}

func (r *rig) say(format string, args ...any) { fmt.Fprintf(r.Log, format+"\n", args...) }

// open connects as administrator and takes away what would be measured besides.
func (r *rig) open(ctx context.Context, s *stack.Stack) (err error) {
	if r.host, r.port, err = net.SplitHostPort(s.Redis.Addr()); err != nil {
		return err
	}
	options, err := redis.ParseURL(s.Redis.URL(stack.RedisAdminUser))
	if err != nil {
		return err
	}
	options.DisableIdentity, options.ReadTimeout = true, 5*time.Minute
	r.user = [2]string{options.Username, options.Password}
	r.db = redis.NewClient(options)
	var errs []error
	for name, value := range map[string]string{"appendonly": "no", "maxmemory": "0", "slowlog-log-slower-than": "-1", "latency-monitor-threshold": "0"} {
		errs = append(errs, r.db.ConfigSet(ctx, name, value).Err())
	}
	return errors.Join(errs...)
}

// measure fills Redis and measures: whole runs where it is the first size, one where
// it is another.
func (r *rig) measure(ctx context.Context, program, url string, n int, first bool) (err error) {
	r.size = inWords(n)
	r.say("%s keys: writing them", r.size)
	if r.planted, err = fill(ctx, r.db, n); err != nil {
		return err
	}
	if r.server, _, err = subject.Start(ctx, program, settings(url)); err != nil {
		return err
	}
	defer r.server.Kill()
	r.say("%s keys: every merchant by name", r.size)
	if err := r.named(ctx); err != nil {
		return err
	}
	runs := 1
	if first {
		runs = r.Runs
	}
	steps := []struct {
		name string
		run  func(context.Context) error
	}{{"scans", r.scans}, {"a budget", r.budget}, {"merchants by name", r.byName}}
	if first {
		steps = append(steps, struct {
			name string
			run  func(context.Context) error
		}{"check_rate_limit", r.check})
	}
	for run := range runs {
		for _, s := range steps {
			r.say("%s keys, run %d of %d: %s", r.size, run+1, runs, s.name)
			if err := s.run(ctx); err != nil {
				return fmt.Errorf("%s keys: %s: %w", r.size, s.name, err)
			}
		}
	}
	return nil
}

// scans compares a whole scan with the others, and what another client waits.
func (r *rig) scans(ctx context.Context) error {
	idle, err := r.other.during(func() error { time.Sleep(time.Second); return nil })
	if err != nil {
		return err
	}
	var a answer
	var ours, keysAlone time.Duration
	cpu, _ := r.server.CPU()
	meanwhile, err := r.other.during(func() (err error) { a, err = r.scan(ctx); return err })
	if err != nil {
		return err
	}
	after, known := r.server.CPU()
	ours = a.took
	bare, found, err := bareScan(ctx, r.db)
	if err != nil {
		return err
	}
	if int64(found) != r.planted.counters {
		return fmt.Errorf("void: the bare scan found %d counters of %d", found, r.planted.counters)
	}
	f := r.figures.Add("find, whole call", r.size, "ms", ms(ours))
	if known {
		f.Processor(ms(after - cpu))
	}
	r.figures.Add("bare SCAN, COUNT 1000, names of counters alone", r.size, "ms", ms(bare))
	r.figures.Add("find, of the bare SCAN", r.size, "ratio", ours.Seconds()/bare.Seconds()).AtMost(ofBare)
	if _, err := exec.LookPath("redis-cli"); err != nil {
		r.figures.Skip("find, of redis-cli --scan", r.size, "ratio", "redis-cli is not installed")
	} else {
		cli, err := cliScan(ctx, r.host, r.port, r.user[0], r.user[1])
		if err != nil {
			return err
		}
		r.figures.Add("redis-cli --scan, names of counters alone", r.size, "ms", ms(cli))
		r.figures.Add("find, of redis-cli --scan", r.size, "ratio", ours.Seconds()/cli.Seconds()).AtMost(ofCLI)
	}
	var whole time.Duration
	stalled, err := r.other.during(func() (err error) { whole, keysAlone, err = oneByOne(ctx, r.db); return err })
	if err != nil {
		return err
	}
	r.figures.Add("KEYS, then GET and TTL of each", r.size, "ms", ms(whole)).Says("KEYS alone %.0f ms", ms(keysAlone))
	r.figures.Add("find, of KEYS, GET and TTL", r.size, "ratio", ours.Seconds()/whole.Seconds()).AtMost(ofOneByOne)
	for _, w := range []struct {
		name string
		w    waits
	}{{"idle", idle}, {"find", meanwhile}, {"KEYS", stalled}} {
		r.figures.Add("another client's longest wait, "+w.name, r.size, "ms", w.w.max/1e3).Says("p50 %.3f, p99 %.3f ms of %d", w.w.p50/1e3, w.w.p99/1e3, w.w.n)
	}
	r.figures.Add("another client's longest wait, find of KEYS", r.size, "ratio", meanwhile.max/stalled.max).AtMost(ofStall)
	if bytes, known := r.server.Resident(); known {
		r.figures.Add(resident, r.size, "MB", float64(bytes)/1e6)
	}
	return nil
}

const resident = "memory resident after scans"

// budget ends a scan early, and holds what it took against what it was given, and
// the share that it says it has seen against the truth.
func (r *rig) budget(ctx context.Context) error {
	// What takes longer than the shortest budget: the TTL of every key, or on a
	// larger Redis the counters.
	seconds, tool := 1, ttls
	if r.planted.keys > 3_000_000 {
		seconds, tool = 2, find
	}
	a, err := ask(ctx, r.server, tool, map[string]any{"time_budget_s": seconds})
	if err != nil {
		return err
	}
	share, took, err := a.scanned()
	if err != nil {
		return err
	}
	given := time.Duration(seconds) * time.Second
	if share == 100 {
		r.figures.Skip("budget, overshoot", r.size, "ratio", "this Redis is scanned before the shortest budget ends")
		return r.estimate(ctx)
	}
	r.figures.Add("budget, overshoot", r.size, "ratio", max(0, (took-given).Seconds()/given.Seconds())).AtMost(budgetOver).Says("%s of %d s, %.1f%% of the keys", tool, seconds, share)
	seen, all := a.Data.Counters, r.planted.counters
	if tool == ttls {
		seen, all = a.Data.Keys, r.planted.keys
	}
	r.figures.Add("covered share, off the truth", r.size, "share", math.Abs(float64(seen)/float64(all)-share/100)).AtMost(shareOff).Says("%.1f%% said, %d of %d seen", share, seen, all)
	return r.estimate(ctx)
}

// estimate ends a scan after a quarter of the keys, and holds the number in all that
// it estimates against the truth.
func (r *rig) estimate(ctx context.Context) error {
	a, err := ask(ctx, r.server, find, map[string]any{"time_budget_s": patient, "key_budget": r.planted.keys / 4})
	if err != nil {
		return err
	}
	e := a.Data.InAll
	if e == nil {
		return fmt.Errorf("void: no estimate in\n%s", a.text)
	}
	truth, half := float64(len(r.planted.near)), float64(e.High-e.Low)/2
	r.figures.Add("estimate, off the truth", r.size, "of its interval", math.Abs(float64(e.About)-truth)/half).Says("about %d (%d to %d) for %.0f, from a quarter of the keys; above 1 once in 20", e.About, e.Low, e.High, truth)
	return nil
}

// byName asks for as many merchants as one call takes, and compares with a scan.
func (r *rig) byName(ctx context.Context) error {
	named, err := ask(ctx, r.server, find, map[string]any{"merchant_ids": r.planted.merchants})
	if err != nil {
		return err
	}
	if named.Data.Counters != int64(len(r.planted.merchants)) {
		return fmt.Errorf("void: %d counters of %d merchants\n%s", named.Data.Counters, len(r.planted.merchants), named.text)
	}
	whole, err := r.scan(ctx)
	if err != nil {
		return err
	}
	r.figures.Add("merchants by name, of a scan", r.size, "ratio", named.took.Seconds()/whole.took.Seconds()).AtMost(ofScanByName).
		Says("%d merchants in %.1f ms", len(r.planted.merchants), ms(named.took))
	return nil
}

// check compares a question about one merchant with its bare commands.
func (r *rig) check(ctx context.Context) error {
	merchant := r.planted.merchants[0]
	var whole, alone []float64
	const warmUp = 50
	for i := range warmUp + r.Calls {
		a, err := r.server.Call(ctx, subject.Call{Tool: "check_rate_limit", Args: map[string]any{"merchant_id": merchant}})
		if err != nil {
			return err
		}
		if a.IsError || !strings.Contains(a.Text, merchant) {
			return fmt.Errorf("void: check_rate_limit answered\n%s", a.Text)
		}
		bare, err := bareCheck(ctx, r.db, merchant)
		if err != nil {
			return err
		}
		if i >= warmUp {
			whole, alone = append(whole, ms(a.Took)), append(alone, ms(bare))
		}
	}
	over := stat.Median(whole) - stat.Median(alone)
	r.figures.Add("check_rate_limit, over its bare commands", r.size, "ms", over).AtMost(checkOver).Says("a call takes %.3f, they %.3f", stat.Median(whole), stat.Median(alone))
	return nil
}

// sizeOfAnswer counts what the answer to "who is near the limit" costs a model, among
// counters of which one in a hundred is, and none is wrong otherwise.
func (r *rig) sizeOfAnswer(ctx context.Context, program, url string) error {
	const counters = 100_000
	if err := fillCounters(ctx, r.db, counters); err != nil {
		return err
	}
	server, _, err := subject.Start(ctx, program, settings(url))
	if err != nil {
		return err
	}
	defer server.Kill()
	a, err := ask(ctx, server, find, map[string]any{"time_budget_s": patient})
	if err != nil {
		return err
	}
	if a.Data.AtOrOver != counters/near || a.Data.Counters != counters {
		return fmt.Errorf("void: not every merchant was found\n%s", a.text)
	}
	count, err := tokens.Count(a.text)
	if err != nil {
		return err
	}
	r.figures.Add("answer to who is near the limit", inWords(counters), "tokens", float64(count)).AtMost(nearTokens).Says("%d of %d counters, %d bytes", a.Data.AtOrOver, counters, len(a.text))
	return nil
}

// flatness compares the memory after scans of the smallest and the largest Redis.
func (r *rig) flatness() {
	if len(r.Keys) < 2 {
		return
	}
	first, last := inWords(r.Keys[0]), inWords(r.Keys[len(r.Keys)-1])
	small, large := r.figures.Median(resident, first), r.figures.Median(resident, last)
	if math.IsNaN(small) || math.IsNaN(large) {
		r.figures.Skip("memory after scans, of that on "+first, last, "ratio", "known on Linux only")
		return
	}
	r.figures.Add("memory after scans, of that on "+first, last, "ratio", large/small).AtMost(flat)
}

func inWords(n int) string {
	if n%1_000_000 == 0 {
		return fmt.Sprintf("%dM", n/1_000_000)
	}
	return fmt.Sprintf("%dk", n/1000)
}

func ms(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }
