package broker

import (
	"slices"
	"testing"
	"time"
)

// A group that stands was never seen to stand for long by somebody who asked often: the
// newest eight looks reached two minutes back.
func TestSamplesThatAreKept(t *testing.T) {
	begin := time.Now()
	look := func(seconds int, committed int64) Sample {
		return Sample{At: begin.Add(time.Duration(seconds) * time.Second), Offsets: []Offset{{Topic: "t", Committed: committed, Last: 1<<20 + int64(seconds), Due: 1 << 20, Known: true}}}
	}
	var stands, moves []Sample
	for n := range 40 {
		stands = Thinned(append(stands, look(20*n, 7)))
		moves = Thinned(append(moves, look(20*n, int64(100*n))))
	}
	at := func(samples []Sample) (seconds []int) {
		for _, s := range samples {
			seconds = append(seconds, int(s.At.Sub(begin).Seconds()))
		}
		return seconds
	}
	if got, want := at(moves), []int{640, 660, 680, 700, 720, 740, 760, 780}; !slices.Equal(got, want) {
		t.Errorf("of a group that drains: %v, want %v", got, want)
	}
	got := at(stands)
	if len(got) != keepSamples || got[0] != 0 || !slices.Equal(got[len(got)-keepNewest:], []int{740, 760, 780}) {
		t.Errorf("of a group that stands: %v, want the first and the newest", got)
	}
	for n := range len(got) - 1 {
		if gap := got[n+1] - got[n]; gap > 300 {
			t.Errorf("of a group that stands: %v, with %d s between two", got, gap)
		}
	}
	if got := at(Thinned(append(stands, look(800, 900)))); got[0] == 0 {
		t.Errorf("of a group that drains again: %v, want the newest", got)
	}
	young := look(800, 7)
	young.Offsets[0].Due = 0
	if stands[0].lasts(young) {
		t.Error("a group of which nothing is overdue any more is said to be as it was")
	}
}

// What is too old tells nothing of now, not even that a group stands since.
func TestOldSamplesAreForgotten(t *testing.T) {
	var m memory
	look := func(ago time.Duration) Sample {
		return Sample{At: time.Now().Add(-ago), Offsets: []Offset{{Topic: "t", Committed: 7, Last: 9, Known: true}}}
	}
	m.keep([]Group{{Name: "g", Samples: []Sample{look(keepFor + time.Minute), look(keepFor - time.Minute), look(time.Minute)}}})
	m.keep([]Group{{Name: "g", Samples: []Sample{look(time.Second)}}})
	if n := len(m.groups["g"]); n != 3 {
		t.Errorf("%d samples are kept, want the 3 that are young enough", n)
	}
}
