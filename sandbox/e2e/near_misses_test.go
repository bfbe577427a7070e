package e2e

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"payops-mcp/sandbox/host"
	"payops-mcp/sandbox/incident"
	"payops-mcp/sandbox/stack"
)

// nearRedis are the near misses of Redis that can hold together: a low hit rate, a
// burst below the limit, counters that end while they are looked at, no payment:*
// keys, and a counter between INCR and EXPIRE.
var nearRedis = []string{"NM-07", "NM-09", "NM-24", "NM-25", "NM-26"}

// TestRedisIncidentsOnTopOfNearMisses injects each incident of Redis while all that
// looks bad and is not holds too: it must be named as before, and nothing besides.
func TestRedisIncidentsOnTopOfNearMisses(t *testing.T) {
	for _, i := range incident.All() {
		redis := strings.HasPrefix(i.ID, "RD-") || i.ID == "TS-18" || i.ID == "TS-19" || i.ID == "ID-04"
		if !redis || i.Parts != stack.PartRedis {
			continue
		}
		t.Run(i.ID, func(t *testing.T) {
			s := systemFor(i).running(t)
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			w := &incident.World{Stack: s, Rand: rand.New(rand.NewPCG(seed, 0))}
			row := i.Row()
			for _, id := range nearRedis {
				if (i.ID == "RD-05" || i.ID == "RD-06") && id == "NM-24" {
					continue // keys that end give back the memory whose want is the incident
				}
				near, err := incident.Get(id)
				if err != nil {
					t.Fatal(err)
				}
				row.Allow = append(row.Allow, near.Row().Allow...)
				begin(t, w, near)
			}
			did := begin(t, w, i)
			if strings.HasPrefix(did.Kept["key"], "rate:") { // among all the others too
				did.Asks = append(did.Asks, incident.Ask{Server: "rediscache-mcp", Tool: "find_merchants_hitting_limits", Args: map[string]any{}})
			}
			inv := &investigation{t, s, map[string]*host.Server{}, nil}
			said := inv.ask(did.Asks)
			for _, mistake := range row.Judge(said, did.Quotes) {
				t.Error(mistake)
			}
			if t.Failed() || testing.Verbose() {
				for _, a := range said {
					t.Logf("%s:\n%s", a.Tool, a.Text)
				}
			}
		})
	}
}

// begin injects an incident that ends with the test.
func begin(t *testing.T, w *incident.World, i incident.Incident) incident.Injected {
	t.Helper()
	did, err := i.Start(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := i.Undo(context.WithoutCancel(t.Context()), w, did); err != nil {
			t.Errorf("undo %s: %v", i.ID, err)
		}
	})
	return did
}
