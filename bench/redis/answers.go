package redis

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"payops-mcp/bench/internal/subject"
)

// answer is what is read of an answer about counters.
type answer struct {
	Coverage struct {
		Looked []string
		Cursor string
	}
	Data struct {
		AtOrOver  int64                             `json:"at_or_over_threshold"`
		InAll     *struct{ About, Low, High int64 } `json:"estimated_in_all"`
		NeverEnds int64                             `json:"without_ttl"`
		Corrupt   int64
		Counters  int64
		Keys      int64
		Families  []struct {
			Family string
			Keys   int64
		}
		Worst []struct {
			MerchantID string `json:"merchant_id"`
		} `json:"worst_first"`
	}
	text string
	took time.Duration // the whole call
}

const (
	find    = "find_merchants_hitting_limits"
	ttls    = "ttl_analysis"
	patient = 25 // seconds that a scan may take at most
	// step is how many keys a call goes through where all merchants are to be named:
	// of so many, some 100 are near their limit, and 200 have room in an answer.
	step = 100_000
)

// ask calls a tool.
func ask(ctx context.Context, p *subject.Process, tool string, args map[string]any) (a answer, err error) {
	said, err := p.Call(ctx, subject.Call{Tool: tool, Args: args})
	if err != nil {
		return a, err
	}
	if said.IsError {
		return a, fmt.Errorf("void: %s answered\n%s", tool, said.Text)
	}
	a.text, a.took = said.Text, said.Took
	return a, json.Unmarshal(said.Structured, &a)
}

// scan asks who is near the limit, in as many calls as it takes, and makes sure that
// everything planted was found. It returns the last answer, with the sums of all.
func (r *rig) scan(ctx context.Context) (answer, error) {
	args := map[string]any{"time_budget_s": patient}
	var all answer
	for seen, calls := 0.0, 0; ; calls++ {
		a, err := ask(ctx, r.server, find, args)
		if err != nil {
			return a, err
		}
		share, _, err := a.scanned()
		if err != nil {
			return a, fmt.Errorf("void: %w\n%s", err, a.text)
		}
		all = a.plus(all)
		// Each call's share is rounded down to a tenth of a percent. Once all keys were
		// gone through, a cursor leads to more of the list.
		seen += share
		if whole := seen+0.1*float64(calls) > 99.95; whole || a.Coverage.Cursor == "" {
			return all, r.complete(all, whole)
		}
		args["cursor"] = a.Coverage.Cursor
	}
}

// plus adds what was counted before, and the time that it took.
func (a answer) plus(before answer) answer {
	a.took += before.took
	a.Data.AtOrOver += before.Data.AtOrOver
	a.Data.NeverEnds += before.Data.NeverEnds
	a.Data.Corrupt += before.Data.Corrupt
	a.Data.Counters += before.Data.Counters
	return a
}

// complete makes sure that everything planted was counted, each once.
func (r *rig) complete(a answer, whole bool) error {
	if d := a.Data; !whole || d.AtOrOver != int64(len(r.planted.near)) || d.NeverEnds != r.planted.neverEnds ||
		d.Corrupt != r.planted.corrupt || d.Counters != r.planted.counters {
		return fmt.Errorf("void: not all of what was planted was found (%d near, %d without TTL, %d corrupt, %d counters)\n%s",
			len(r.planted.near), r.planted.neverEnds, r.planted.corrupt, r.planted.counters, a.text)
	}
	return nil
}

// named goes through all keys by the cursor of each answer before, and makes sure that
// every merchant that is near its limit stands there by name, once.
func (r *rig) named(ctx context.Context) error {
	var names []string
	args := map[string]any{"time_budget_s": patient, "limit": 200, "key_budget": step}
	for {
		a, err := ask(ctx, r.server, find, args)
		if err != nil {
			return err
		}
		for _, w := range a.Data.Worst {
			names = append(names, w.MerchantID)
		}
		if a.Coverage.Cursor == "" {
			break
		}
		args["cursor"] = a.Coverage.Cursor
	}
	slices.Sort(names)
	if !slices.Equal(names, r.planted.near) {
		return fmt.Errorf("void: %d merchants are named, %d are near their limit", len(names), len(r.planted.near))
	}
	return nil
}

var covered = regexp.MustCompile(`^([0-9.]+)% of \d+ keys, by SCAN in ([^, ]+)`)

// scanned reads the share of the keys that was seen, in percent, and how long the
// scan took.
func (a answer) scanned() (share float64, took time.Duration, err error) {
	for _, l := range a.Coverage.Looked {
		if m := covered.FindStringSubmatch(l); m != nil {
			if share, err = strconv.ParseFloat(m[1], 64); err == nil {
				took, err = time.ParseDuration(m[2])
			}
			return share, took, err
		}
	}
	return 0, 0, fmt.Errorf("no coverage in %s", strings.Join(a.Coverage.Looked, "; "))
}
