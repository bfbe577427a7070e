package redisdb

import (
	"math/bits"
	"slices"
	"time"

	"payops-mcp/shared/fault"
)

// Position is how far a scan of one server came.
type Position struct {
	Server uint32 // a hash of its name and its process: a cursor means nothing to another
	Cursor uint64
	Done   bool
}

// Scan is how a scan went.
type Scan struct {
	Parts []Part
	Took  time.Duration
}

// Part is how the scan of one server went.
type Part struct {
	Source  fault.Source
	At      Position
	Begin   uint64 // cursor that it started from
	Keys    int64  // DBSIZE when it began
	Sized   bool   // Keys was told
	Matched int64  // keys that the pattern let through
	Steps   int64
	// Refused counts keys that could be found but not read, or whose TTL could
	// not; Refusal is what was said to the first of them.
	Refused int64
	Refusal *fault.Failure
	// Replica is the name of the replica that was asked in the server's place, and
	// NoReplica why none was, though one was wanted; both may be empty.
	Replica, NoReplica string
	// Anew is set when the position to go on from was one of another process of
	// Redis, so that the scan began anew.
	Anew    bool
	Assumed bool // nobody said where Redis is, and the default was asked

	skipped bool // an earlier scan was through already
	width   int  // bits of the largest cursor: the table is at least that large
	slotted bool // cursors of a cluster's nodes may count slots, and tell no share
}

// Share is the part of the server's keys that the scan saw from Begin to where it
// is. The cursor of SCAN counts through the table's buckets with its bits
// reversed, so the reversed cursor is how far it came.
func (p Part) Share() float64 {
	switch {
	case p.skipped:
		return 0
	case p.Keys == 0 && p.At.Done:
		return 1
	case p.slotted && !p.At.Done || p.slotted && p.Begin != 0:
		return min(0.99, float64(p.Steps*scanCount)/float64(max(p.Keys, 1)))
	}
	end := 1.0
	if !p.At.Done {
		end = p.reversed(p.At.Cursor)
	}
	return max(0, end-p.reversed(p.Begin))
}

// moving says what to do where a node of a cluster that we follow sends us on.
func (p Part) moving() {
	for _, f := range []*fault.Failure{p.Source.Err, p.Refusal} {
		if f != nil && f.Next == next[fault.WrongServer] {
			f.Next = moving
		}
	}
}

// spent reports whether most keys have been gone through since Begin; 0 is no limit.
func (p Part) spent(most int64) bool {
	return most > 0 && p.Share()*float64(p.Keys) >= float64(most)
}

// reversed is the share of the table that lies before a cursor. A table has a
// power of two of buckets, at or above its keys; it is larger after keys have
// gone, which the cursors show.
func (p Part) reversed(cursor uint64) float64 {
	width := max(bits.Len64(uint64(max(p.Keys, 1)-1)), p.width, bits.Len64(cursor), 2)
	return float64(bits.Reverse64(cursor)>>(64-width)) / float64(uint64(1)<<width)
}

// Done reports whether every server was scanned to its end.
func (s Scan) Done() bool {
	return len(s.Parts) > 0 && !slices.ContainsFunc(s.Parts, func(p Part) bool { return !p.At.Done || !p.Source.OK() })
}

// Unsized is how many servers did not tell how many keys they have.
func (s Scan) Unsized() (n int) {
	for _, p := range s.Parts {
		if !p.Sized {
			n++
		}
	}
	return n
}

// Share is the part of all keys that was seen, weighted by the servers' keys; 0
// when none answered. A server that did not tell how many it has counts as much as
// the others on average.
func (s Scan) Share() float64 {
	mean := max(1, float64(s.Keys())/float64(max(1, len(s.Parts)-s.Unsized())))
	var seen, all float64
	for _, p := range s.Parts {
		weight := float64(max(p.Keys, 1))
		if !p.Sized {
			weight = mean
		}
		all += weight
		seen += weight * p.Share()
	}
	if all == 0 {
		return 0
	}
	return seen / all
}

// Keys is how many keys the servers had, over all that told it.
func (s Scan) Keys() (n int64) {
	for _, p := range s.Parts {
		n += p.Keys
	}
	return n
}

// Positions is where to go on.
func (s Scan) Positions() []Position {
	all := make([]Position, len(s.Parts))
	for i, p := range s.Parts {
		all[i] = p.At
	}
	return all
}
