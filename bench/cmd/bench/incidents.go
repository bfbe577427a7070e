package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"payops-mcp/bench/incidents"
	"payops-mcp/bench/internal/programs"
	"payops-mcp/bench/internal/result"
	"payops-mcp/sandbox/drill"
)

// incidentRun is bench incidents with its flags read.
type incidentRun struct {
	incidents.Options
	list                 bool
	json, plot, baseline string
	update               bool
}

func runIncidents(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := incidentRun{}
	o.Log = stderr
	fs := flag.NewFlagSet("bench incidents", flag.ContinueOnError)
	fs.SetOutput(stderr)
	seeds := fs.String("seeds", "1", "seeds, such as 1,2,3, from which names, counts, times and pairs are drawn")
	only := fs.String("only", "", "only these, such as OB-04,LG: incidents, families, or names of scenarios")
	modes := fs.String("modes", "alone,over,pair,noise", "alone, over near misses, in pairs, and the near misses (noise) by themselves")
	pairs := fs.Int("pairs", 0, "pairs a seed; 0 for so many that every incident that can be in one is")
	shard := fs.String("shard", "1/1", "only this part of the plan, such as 3/10")
	fs.StringVar(&o.Resume, "resume", "", "keep what is done in `FILE`, and do not do it again; the files of several shards, one behind the other, are the whole")
	fs.BoolVar(&o.list, "list", false, "list the scenarios and run nothing")
	fs.StringVar(&o.json, "json", "", "also write the results to `FILE`")
	fs.StringVar(&o.plot, "plot", "", "also draw them into the SVG `FILE`")
	fs.StringVar(&o.baseline, "baseline", "", "compare with `FILE`: what was fully right there and is not now fails")
	fs.BoolVar(&o.update, "update", false, "write what became of the scenarios into the baseline instead")
	if err := fs.Parse(args); err != nil {
		return exitUsage
	}
	var err error
	if fs.NArg() > 0 || o.update && o.baseline == "" {
		fmt.Fprintln(stderr, "want flags alone, and --baseline with --update")
		return exitUsage
	}
	if o.Plan, err = incidentPlan(*seeds, *modes, *only, *pairs, *shard); err != nil {
		fmt.Fprintln(stderr, err)
		return exitUsage
	}
	return o.run(ctx, args, stdout, stderr)
}

// incidentPlan reads the flags that say what is run.
func incidentPlan(seeds, modes, only string, pairs int, shard string) ([]drill.Scenario, error) {
	var numbers []uint64
	for word := range strings.SplitSeq(seeds, ",") {
		n, err := strconv.ParseUint(strings.TrimSpace(word), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("--seeds %s: want numbers", seeds)
		}
		numbers = append(numbers, n)
	}
	var ways []drill.Mode
	for word := range strings.SplitSeq(modes, ",") {
		mode := drill.Mode(strings.TrimSpace(word))
		if !slices.Contains([]drill.Mode{drill.Alone, drill.Over, drill.Pair, drill.Noise}, mode) {
			return nil, fmt.Errorf("--modes %s: want some of alone, over, pair, noise", modes)
		}
		ways = append(ways, mode)
	}
	var names []string
	if only != "" {
		for word := range strings.SplitSeq(only, ",") {
			names = append(names, strings.TrimSpace(word))
		}
	}
	var number, parts int
	if n, err := fmt.Sscanf(shard, "%d/%d", &number, &parts); err != nil || n != 2 || number < 1 || number > parts {
		return nil, fmt.Errorf("--shard %s: want such as 3/10", shard)
	}
	plan := incidents.Plan(numbers, ways, names, pairs)
	if len(plan) == 0 {
		return nil, fmt.Errorf("no scenario is meant by --only %s --modes %s", only, modes)
	}
	return incidents.Shard(plan, number, parts), nil
}

func (o incidentRun) run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if o.list {
		for _, s := range o.Plan {
			fmt.Fprintf(stdout, "%s\tseed %d\n", s.Name(), s.Seed)
		}
		return exitOK
	}
	failed := func(err error) int {
		fmt.Fprintln(stderr, err)
		return exitFailed
	}
	report := incidents.Report{Report: result.Begin(strings.Join(append([]string{"scripts/bench incidents"}, args...), " "))}
	records, versions, err := incidents.Run(ctx, o.Options)
	if err != nil {
		return failed(err)
	}
	report.Summary, report.Scenarios = incidents.Sum(records), records
	figures := report.Summary.Figures()
	report.End(figures, programs.How, versions)
	if err := report.Table(stdout); err != nil {
		return failed(err)
	}
	if o.json != "" {
		if err := report.Save(o.json); err != nil {
			return failed(err)
		}
	}
	if o.plot != "" {
		if err := incidents.Plot(o.plot, records); err != nil {
			return failed(err)
		}
	}
	lost := false
	if o.baseline != "" {
		if lost, err = o.compare(records, stdout); err != nil {
			return failed(err)
		}
	}
	if lost || slices.ContainsFunc(figures, func(f result.Figure) bool { return f.Verdict == result.Fail }) {
		return exitFailed
	}
	return exitOK
}

// compare compares with the baseline, or writes it. It reports whether a scenario that
// was fully right there is not now.
func (o incidentRun) compare(records []incidents.Record, stdout io.Writer) (lost bool, err error) {
	b, err := drill.ReadBaseline(o.baseline)
	if err != nil {
		return false, err
	}
	if o.update {
		incidents.Update(&b, records)
		return false, b.Write(o.baseline)
	}
	for _, name := range incidents.Lost(b, records) {
		lost = true
		fmt.Fprintf(stdout, "lost: %s was fully right in %s\n", name, o.baseline)
	}
	return lost, nil
}
