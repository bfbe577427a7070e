package broker

import (
	"slices"
	"sync"
	"time"
)

// Samples of groups are kept between calls, so that a second question needs no
// waiting and sees further back.
const (
	keepFor     = 15 * time.Minute
	keepSamples = 8      // of a group
	keepOffsets = 20_000 // of all groups together
	apart       = time.Second
)

type memory struct {
	mu     sync.Mutex
	groups map[string][]Sample
}

// recall puts what is kept before what is seen now, and returns the least number
// of samples that a group that is kept at all has. Samples that are too young to
// show movement do not count.
func (m *memory) recall(groups []*groupState) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	least := -1
	for _, g := range groups {
		for _, s := range m.groups[g.Name] {
			if age := time.Since(s.At); age >= apart && age <= keepFor {
				g.Samples = append(g.Samples, s)
			}
		}
		if n := len(g.Samples); least < 0 || n < least {
			least = n
		}
	}
	return max(least, 0)
}

// keep remembers the newest samples, but for those that lack the end of a partition: no
// movement can be told from them.
func (m *memory) keep(groups []Group) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.groups == nil {
		m.groups = map[string][]Sample{}
	}
	for _, g := range groups {
		if g.Err != nil {
			delete(m.groups, g.Name) // what follows a gap is no movement
			continue
		}
		// With those that were too young to count: they will not be.
		all := m.groups[g.Name]
		for _, s := range g.Samples {
			if (len(all) == 0 || s.At.After(all[len(all)-1].At)) && s.whole() {
				all = append(all, s)
			}
		}
		if len(all) == 0 {
			continue
		}
		m.groups[g.Name] = slices.Clone(all[max(0, len(all)-keepSamples):])
	}
	total := 0
	for name, samples := range m.groups {
		for _, s := range samples {
			total += len(s.Offsets)
		}
		if total > keepOffsets || time.Since(samples[len(samples)-1].At) > keepFor {
			delete(m.groups, name)
		}
	}
}
