package e2e

import (
	"slices"
	"testing"

	"payops-mcp/sandbox/drill"
	"payops-mcp/sandbox/incident"
	"payops-mcp/sandbox/stack"
)

// databasesOnNearMisses is how many are tried here, drawn from the test's seed; the
// benchmark tries them all.
const databasesOnNearMisses = 10

// TestDatabaseIncidentsOnTopOfNearMisses injects incidents of the databases while
// all that looks bad there and is not holds too: payments that were captured just now,
// merchants whose numbers are none, equal ids on both shards. Each must be named as
// before, and nothing besides.
func TestDatabaseIncidentsOnTopOfNearMisses(t *testing.T) {
	all, tried := incident.All(), 0
	random(t).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for _, i := range all {
		if tried == databasesOnNearMisses {
			break
		}
		if i.Parts != stack.PartMariaDB || i.Row().Healthy() {
			continue
		}
		near := slices.DeleteFunc(i.NearMisses(), func(n incident.Incident) bool { return n.Parts != stack.PartMariaDB })
		if len(near) == 0 {
			continue
		}
		tried++
		t.Run(i.ID, func(t *testing.T) { happens(t, drill.Scenario{Near: near, Incidents: []incident.Incident{i}}) })
	}
}
