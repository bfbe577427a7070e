package when

import "time"

// reading says how often a wall-clock time comes on its day.
type reading int

const (
	once reading = iota
	skipped
	twice
)

// local finds the instants at which the clocks of loc show the given time.
// time.Date alone would silently pick one of two, or move one that does not
// exist. For a skipped time both results are the moment the clocks went
// forward. Fields may overflow (day 32, second 86400) as with time.Date.
func local(y, m, d, sec int, loc *time.Location) (first, second time.Time, how reading) {
	naive := time.Date(y, time.Month(m), d, 0, 0, sec, 0, time.UTC)
	guess := time.Date(y, time.Month(m), d, 0, 0, sec, 0, loc)
	start, end := guess.ZoneBounds()

	offsets := []int{offset(guess)}
	if !start.IsZero() {
		offsets = append(offsets, offset(start.Add(-time.Nanosecond)))
	}
	if !end.IsZero() {
		offsets = append(offsets, offset(end))
	}
	for _, o := range offsets {
		t := naive.Add(-time.Duration(o) * time.Second).In(loc)
		if offset(t) != o {
			continue
		}
		if first.IsZero() || t.Before(first) {
			first = t
		}
		if second.IsZero() || t.After(second) {
			second = t
		}
	}
	switch {
	case first.IsZero():
		t := start
		if start.IsZero() || !inGap(naive, start) {
			t = end
		}
		return t.In(loc), t.In(loc), skipped
	case first.Equal(second):
		return first, first, once
	}
	return first, second, twice
}

// inGap reports whether the wall time naive is jumped over at the transition t.
func inGap(naive, t time.Time) bool {
	before := t.Add(time.Duration(offset(t.Add(-time.Nanosecond))) * time.Second)
	after := t.Add(time.Duration(offset(t)) * time.Second)
	return !naive.Before(before) && naive.Before(after)
}

func offset(t time.Time) int {
	_, o := t.Zone()
	return o
}

// dayStart is the first instant of a calendar day, which is not 00:00 where
// the clocks go forward at midnight.
func dayStart(y, m, d int, loc *time.Location) time.Time {
	first, _, _ := local(y, m, d, 0, loc)
	return first
}

// back is the moment one length before t, in t's zone. Months keep the day of
// the month where there is one and else end on its last.
func (l length) back(t time.Time) time.Time {
	if l.months > 0 {
		y, m, d := t.Date()
		last := time.Date(y, m-time.Month(l.months)+1, 0, 0, 0, 0, 0, time.UTC)
		sec := t.Hour()*3600 + t.Minute()*60 + t.Second()
		t, _, _ = local(last.Year(), int(last.Month()), min(d, last.Day()), sec, t.Location())
	}
	return t.Add(-l.dur)
}

// zoneName names loc as well as it can: "Local" tells a reader nothing.
func zoneName(loc *time.Location, at time.Time) string {
	if name := loc.String(); name != "Local" {
		return name
	}
	name, _ := at.In(loc).Zone()
	return name
}
