package db

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"payops-mcp/bench/internal/subject"
)

const reconcileTool = "reconciliation_check"

// fourChecks are the arguments that compare the ledger alone.
func fourChecks(more map[string]any) map[string]any {
	args := map[string]any{"scope": "all", "checks": []string{"ledger"}, "detail": "full"}
	maps.Copy(args, more)
	return args
}

func allChecks() map[string]any { return map[string]any{"scope": "all", "detail": "full"} }

// reconcile calls the tool, and makes sure that it finds what is planted on the first
// shard, under the names that these things have.
func (r *rig) reconcile(ctx context.Context, p *subject.Process, args map[string]any) (s spent, err error) {
	before, err := cpuOf(r.pid)
	if err != nil {
		return s, err
	}
	client, _ := p.CPU()
	a, err := p.Call(ctx, subject.Call{Tool: reconcileTool, Args: args})
	if err != nil {
		return s, err
	}
	if a.IsError {
		return s, fmt.Errorf("void: %s answered\n%s", reconcileTool, a.Text)
	}
	after, err := cpuOf(r.pid)
	if err != nil {
		return s, err
	}
	s.wall, s.server = a.Took, after-before
	if now, ok := p.CPU(); ok {
		s.client = now - client
	}
	var said struct {
		Coverage struct{ Cursor string } // where payments are left
		Data     struct {
			IDs []struct {
				Code, Shard string
				PaymentIDs  []int64 `json:"payment_ids"`
				More        int64
			} `json:"ids"`
		}
	}
	if err := json.Unmarshal(a.Structured, &said); err != nil {
		return s, err
	}
	if said.Coverage.Cursor != "" {
		return s, fmt.Errorf("void: %s did not get through:\n%s", reconcileTool, a.Text)
	}
	found, more := map[string][]int64{}, map[string]int64{}
	for _, x := range said.Data.IDs {
		if x.Shard == r.first.Name() {
			found[x.Code], more[x.Code] = x.PaymentIDs, x.More
		}
	}
	if names := slices.Sorted(maps.Keys(found)); !slices.Equal(names, slices.Sorted(maps.Keys(r.want))) {
		return s, fmt.Errorf("void: %s found %v, planted are %v", reconcileTool, names, slices.Sorted(maps.Keys(r.want)))
	}
	for code, ids := range r.want {
		// Of very many the first are listed, and the rest is counted.
		if listed := len(found[code]); more[code] > 0 && int64(listed)+more[code] == int64(len(ids)) {
			ids = ids[:listed]
		}
		if err := same(reconcileTool+" "+code, found[code], ids); err != nil {
			return s, err
		}
	}
	return s, nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// compare runs the single statement, the same four checks, and all checks, in turn.
func (r *rig) compare(ctx context.Context) error {
	p, err := r.start(ctx, 1, nil)
	if err != nil {
		return err
	}
	defer p.Kill()
	peer, err := r.peer(ctx)
	if err != nil {
		return err
	}
	four, err := r.reconcile(ctx, p, fourChecks(nil))
	if err != nil {
		return err
	}
	all, err := r.reconcile(ctx, p, allChecks())
	if err != nil {
		return err
	}
	r.figures.Add("the single statement", r.size, "ms", ms(peer.wall)).Processor(ms(peer.server)).Says("cpu is the database's")
	r.figures.Add("four checks", r.size, "ms", ms(four.wall)).Processor(ms(four.server)).Says("cpu is the database's; this server's own: %.0f ms", ms(four.client))
	r.figures.Add("all checks", r.size, "ms", ms(all.wall)).Processor(ms(all.server)).Says("with settlements and refunds; this server's own cpu: %.0f ms", ms(all.client))
	r.figures.Add("four checks, wall time of the single statement", r.size, "times", ratio(four.wall, peer.wall)).AtMost(ofWall)
	r.ratioOfCPU("four checks, database's cpu of the single statement", four, peer, ofCPU)
	r.figures.Add("all checks, wall time of the single statement", r.size, "times", ratio(all.wall, peer.wall))
	r.ratioOfCPU("all checks, database's cpu of the single statement", all, peer, 0)
	return nil
}

// leastCPU is how much processor time must be spent for a ratio to mean anything.
const leastCPU = 20 * ticks

func (r *rig) ratioOfCPU(name string, a, b spent, bound float64) {
	if b.server < leastCPU {
		r.figures.Skip(name, r.size, "times", fmt.Sprintf("the single statement took %s of processor time, too little to compare", b.server))
		return
	}
	f := r.figures.Add(name, r.size, "times", ratio(a.server, b.server))
	if bound > 0 {
		f.AtMost(bound)
	}
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

// both asks both shards at once, for the memory that takes.
func (r *rig) both(ctx context.Context) error {
	p, err := r.start(ctx, 2, nil)
	if err != nil {
		return err
	}
	defer p.Kill()
	if _, err := r.reconcile(ctx, p, allChecks()); err != nil {
		return err
	}
	if peak, ok := p.Peak(); ok {
		r.figures.Add("memory of this server, at most", r.size, "MB", float64(peak)/(1<<20)).AtMost(clientMemory).Says("both shards, all checks")
	}
	return nil
}
