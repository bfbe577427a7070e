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
	keepNewest  = 3      // of them, whatever they are like
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
		all := slices.DeleteFunc(slices.Clone(m.groups[g.Name]), func(s Sample) bool { return time.Since(s.At) > keepFor })
		for _, s := range g.Samples {
			if (len(all) == 0 || s.At.After(all[len(all)-1].At)) && s.whole() {
				all = append(all, s)
			}
		}
		if len(all) == 0 {
			continue
		}
		m.groups[g.Name] = Thinned(all)
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

// Thinned are the samples that are kept of all. They are the newest; but where as much
// waits as at the first, for longer than what is on its way, they are those that are well
// apart: what stands, or falls behind by little, would else never be seen to do so for
// long by somebody who asks often.
func Thinned(all []Sample) []Sample {
	for len(all) > keepSamples {
		drop := 0
		if all[0].lasts(all[len(all)-1]) {
			drop = 1
			for n := 2; n < len(all)-keepNewest; n++ {
				if all[n+1].At.Sub(all[n-1].At) < all[drop+1].At.Sub(all[drop-1].At) {
					drop = n
				}
			}
		}
		all = slices.Delete(all, drop, drop+1)
	}
	return all
}

// lasts reports whether what is overdue is no less at a later sample.
func (s Sample) lasts(later Sample) bool {
	return s.State == later.State && s.Lag() <= later.Lag() && s.overdue() && later.overdue()
}
