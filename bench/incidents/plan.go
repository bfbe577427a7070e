package incidents

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"

	"payops-mcp/sandbox/drill"
	"payops-mcp/sandbox/incident"
)

// Plan lists the scenarios of some seeds, in the order in which they are run: those
// of a static system first, and on each what only looks bad before what is. Five minutes
// of requests are judged, and those that an incident has left are really bad.
//
// Only are incidents ("OB-04"), families ("OB") or names of scenarios; none means
// all. Pairs is how many pairs a seed has; 0 means so many that every incident that
// can be in one is.
func Plan(seeds []uint64, modes []drill.Mode, only []string, pairs int) []drill.Scenario {
	var plan []drill.Scenario
	for _, seed := range seeds {
		var all []drill.Scenario
		for _, i := range incident.All() {
			all = append(all, drill.Scenario{Incidents: []incident.Incident{i}, Seed: seed})
			if near := i.NearMisses(); len(near) > 0 {
				all = append(all, drill.Scenario{Near: near, Incidents: []incident.Incident{i}, Seed: seed})
			}
		}
		for _, living := range []bool{false, true} {
			all = append(all, drill.Scenario{Near: incident.NearMisses(living), Seed: seed})
		}
		for _, p := range drawPairs(seed, pairs) {
			all = append(all, drill.Scenario{Incidents: p[:], Seed: seed})
		}
		for _, s := range all {
			if slices.Contains(modes, s.Mode()) && wanted(s, only) {
				plan = append(plan, s)
			}
		}
	}
	slices.SortStableFunc(plan, func(a, b drill.Scenario) int {
		order := func(s drill.Scenario) (place int) {
			if s.Living() {
				place += 2
			}
			if slices.ContainsFunc(s.Incidents, func(i incident.Incident) bool { return !i.Row().Healthy() }) {
				place++
			}
			return place
		}
		return cmp.Compare(order(a), order(b))
	})
	return plan
}

func wanted(s drill.Scenario, only []string) bool {
	if len(only) == 0 {
		return true
	}
	return slices.ContainsFunc(only, func(word string) bool {
		return word == s.Name() || word == s.Family() || slices.ContainsFunc(s.Incidents, func(i incident.Incident) bool {
			return i.ID == word || strings.HasPrefix(i.ID, word+"-")
		})
	})
}

// drawPairs draws pairs that can hold together, such that as few as possible have every
// incident that can be in one; then others, up to n.
func drawPairs(seed uint64, n int) (pairs [][2]incident.Incident) {
	all := incident.EveryPair()
	// Before those are left out that cannot hold together: a rule that forbids one more
	// leaves the others of a seed where they were.
	r := rand.New(rand.NewPCG(seed, 0))
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	all = incident.Possible(all)
	covered := map[string]bool{}
	for _, least := range []int{2, 1, 0} { // how many are new in a pair
		for _, p := range all {
			fresh := 0
			for _, i := range p {
				if !covered[i.ID] {
					fresh++
				}
			}
			enough := len(pairs) >= n && n > 0
			if fresh < least || least == 0 && (fresh > 0 || n == 0 || slices.ContainsFunc(pairs, func(o [2]incident.Incident) bool { return o[0].ID == p[0].ID && o[1].ID == p[1].ID })) || enough {
				continue
			}
			covered[p[0].ID], covered[p[1].ID] = true, true
			pairs = append(pairs, p)
		}
	}
	return pairs
}

// Shard is the part of a plan that is number of, from 1 to parts.
func Shard(plan []drill.Scenario, number, parts int) (part []drill.Scenario) {
	for n, s := range plan {
		if n%parts == number-1 {
			part = append(part, s)
		}
	}
	return part
}
