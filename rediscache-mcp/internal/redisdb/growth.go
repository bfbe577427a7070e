package redisdb

import (
	"slices"
	"time"
)

const (
	// growAfter is the shortest time over which growth is judged.
	growAfter = time.Second
	// growWithin is how old what INFO said before may be.
	growWithin = 5 * time.Minute
	// LatelyWithin is how old it may be to say what goes on now.
	LatelyWithin = 10 * time.Second
)

// refusals are the words with which Redis refuses a write, as it counts them.
var refusals = []string{"OOM", "MISCONF", "NOREPLICAS", "READONLY"}

// refusedOf reports whether writes were refused since an earlier look that is too old
// to say whether they still are.
func (s Server) refusedOf() bool {
	return s.Before != nil && s.Info != nil && s.Info.Time.Sub(s.Before.Time) > LatelyWithin &&
		slices.ContainsFunc(refusals, func(word string) bool { return s.Info.Errors[word] > s.Before.Errors[word] })
}

// refusedOnce reports whether a replica, or a master that demands replicas and has some,
// has refused writes at any time: with one look it cannot be told from one that does so
// now.
func (i Info) refusedOnce() bool {
	return i.Role == "slave" && i.Errors["READONLY"] > 0 ||
		i.GoodReplicas != nil && *i.GoodReplicas > 0 && i.Errors["NOREPLICAS"] > 0
}

// near reports whether i was said not long before now.
func (i Info) near(now Info) bool {
	age := now.Time.Sub(i.Time)
	return !i.Time.IsZero() && !now.Time.IsZero() && age >= 0 && age <= growWithin
}

// nearlyFull reports whether memory is so short, and has been, that writes may be
// refused between two looks.
func (i Info) nearlyFull() bool {
	if i.Errors["OOM"] == 0 || i.MaxMemory == nil || *i.MaxMemory == 0 || i.UsedMemory == nil {
		return false
	}
	return *i.UsedMemory > *i.MaxMemory/10*9 && *i.UsedMemory <= *i.MaxMemory
}

// BrimPercent of its memory is from where on writes go by without an eviction for no more
// than a moment.
const BrimPercent = 99

// FullerThan reports whether a server uses more than so many percent of its limit, at
// which it evicts.
func (i Info) FullerThan(percent int64) bool {
	return i.MaxMemory != nil && i.UsedMemory != nil && *i.MaxMemory > 0 && *i.UsedMemory > *i.MaxMemory/100*percent && i.Policy != "noeviction"
}

// brimming reports whether a server that has evicted before is full to the brim, and took
// writes between the two looks for which it evicted nothing: they may have found the room
// that the last eviction left.
func (s Server) brimming() bool {
	if s.Before == nil || s.Info == nil || !s.Info.FullerThan(BrimPercent) {
		return false
	}
	was, now := s.Before.Load, s.Info.Load
	return grew(was.Unsaved, now.Unsaved) && now.Evicted != nil && *now.Evicted > 0 && !grew(was.Evicted, now.Evicted)
}

func grew(was, now *int64) bool { return was != nil && now != nil && *now > *was }

// remember keeps what INFO said, and returns what it said before if that is of
// use: by the same process of Redis, neither too young nor too old.
func (db *DB) remember(node string, now Info) *Info {
	if now.Time.IsZero() {
		return nil
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	before, known := db.before[node]
	age := now.Time.Sub(before.Time)
	if !known || before.RunID != now.RunID || age < 0 || age > growWithin {
		db.before[node] = now
		return nil
	}
	if age < growAfter {
		return nil // the older one stays, so that frequent questions see growth too
	}
	db.before[node] = now
	return &before
}
