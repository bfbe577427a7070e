package when

import (
	"errors"
	"fmt"
	"time"
)

// At resolves the Spec against now, which is the clock of the system that is
// asked, in loc. Now is rounded up to a whole second, so that what was written
// within this second belongs to a range that ends now.
//
// The zero Spec and "all" give a Range that is not [Range.Bounded]; every
// other result has Since before Until and spans at most [MaxYears] years.
func (s Spec) At(now time.Time, loc *time.Location) (Range, error) {
	if loc == nil || now.IsZero() {
		return Range{}, errors.New("when: a clock and a zone are needed to resolve a time")
	}
	now = now.Round(0)
	if whole := now.Truncate(time.Second); whole.Before(now) {
		now = whole.Add(time.Second)
	}
	r := resolver{now: now.In(loc), loc: loc}
	out := Range{Phrase: s.phrase, Zone: zoneName(loc, now)}
	if s.IsZero() || s.all {
		return out, nil
	}
	since, until, err := r.ends(s)
	if err != nil {
		return Range{}, err
	}
	if until.After(r.now) {
		if r.stillToCome(s.to) {
			r.note("%s is still to come, so the range ends now", s.to.text)
		}
		until = r.now
	}
	if s.cal.set() && !s.from.set() && !s.to.set() && since.Equal(r.now) {
		until = r.now.Add(time.Second) // the first instant of today
	}
	switch {
	case since.After(r.now):
		return Range{}, &Error{Text: s.phrase, Reason: fmt.Sprintf("lies in the future: it is %s now", stamp(r.now))}
	case !since.Before(until):
		return Range{}, &Error{Text: s.phrase, Reason: fmt.Sprintf("the beginning %s is not before the end %s", stamp(since.In(loc)), stamp(until.In(loc)))}
	case since.Before(r.now.AddDate(-MaxYears, 0, -1)):
		return Range{}, &Error{Text: s.phrase, Reason: fmt.Sprintf("begins more than %d years ago", MaxYears)}
	}
	out.Since, out.Until, out.Notes = since.In(loc), until.In(loc), r.notes
	return out, nil
}

// resolver turns words into instants and collects what it had to decide.
type resolver struct {
	now   time.Time
	loc   *time.Location
	notes []string
}

func (r *resolver) note(format string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

// stillToCome reports whether an end that was named lies in the future. A day
// that has begun does not: that it goes on only until now needs no saying.
func (r *resolver) stillToCome(end point) bool {
	if end.kind == calPoint {
		begin, _ := r.bounds(end.cal)
		return begin.After(r.now)
	}
	return end.set()
}

// ends finds both ends; the end may still lie in the future.
func (r *resolver) ends(s Spec) (since, until time.Time, err error) {
	switch {
	case !s.last.zero():
		until = r.now
		if s.to.set() {
			if until, err = r.end(s.to, s.cal, time.Time{}); err != nil {
				return since, until, err
			}
		}
		return s.last.back(until.In(r.loc)), until, nil
	case s.from.set():
		if since, err = r.begin(s.from, s.cal); err != nil {
			return since, until, err
		}
	default:
		since, _ = r.bounds(s.cal)
	}
	switch {
	case s.to.set():
		until, err = r.end(s.to, s.cal, since)
	case s.cal.set():
		_, until = r.bounds(s.cal)
	default:
		until = r.now
	}
	return since, until, err
}

// date is the calendar day that cal names, seen from now.
func (r *resolver) date(cal calendar) (y, m, d int) {
	ny, nm, nd := r.now.Date()
	switch {
	case cal.m == 0:
		y, mm, d := time.Date(ny, nm, nd+cal.off, 0, 0, 0, 0, time.UTC).Date()
		return y, int(mm), d
	case cal.y == 0:
		y = ny
		if cal.m > int(nm) || cal.m == int(nm) && cal.d > nd {
			y--
		}
		for time.Date(y, time.Month(cal.m), cal.d, 0, 0, 0, 0, time.UTC).Day() != cal.d {
			y-- // 29 February
		}
		return y, cal.m, cal.d
	}
	return cal.y, cal.m, cal.d
}

// bounds are the first instant of the calendar unit and of the next.
func (r *resolver) bounds(cal calendar) (since, until time.Time) {
	if cal.kind == calMonth {
		y, m, _ := r.now.Date()
		return dayStart(y, int(m)+cal.off, 1, r.loc), dayStart(y, int(m)+cal.off+1, 1, r.loc)
	}
	if cal.kind == calWeek {
		y, m, d := r.now.Date()
		monday := d - (int(r.now.Weekday())+6)%7 + 7*cal.off
		return dayStart(y, int(m), monday, r.loc), dayStart(y, int(m), monday+7, r.loc)
	}
	y, m, d := r.date(cal)
	return dayStart(y, m, d, r.loc), dayStart(y, m, d+1, r.loc)
}

// begin resolves a beginning. A clock time of no day is the latest past one.
func (r *resolver) begin(p point, of calendar) (time.Time, error) {
	if p.kind == clockPoint && !p.cal.set() && !of.set() {
		y, m, d := r.now.Date()
		at, _, how := local(y, int(m), d, p.clock.sec, r.loc)
		if at.Before(r.now) {
			r.odd(p, at, at, how)
			return at, nil
		}
		at, _, how = local(y, int(m), d-1, p.clock.sec, r.loc)
		r.note("%s of today is still to come, so that of yesterday is meant", p.text)
		r.odd(p, at, at, how)
		return at, nil
	}
	at, err := r.point(p, of, false)
	if err == nil && at.After(r.now) {
		err = &Error{Text: p.text, Reason: fmt.Sprintf("lies in the future: it is %s now", stamp(r.now))}
	}
	return at, err
}

// end resolves an end. A clock time of no day is the first one after since,
// or the latest past one if there is no since.
func (r *resolver) end(p point, of calendar, since time.Time) (time.Time, error) {
	if p.kind != clockPoint || p.cal.set() {
		return r.point(p, of, true)
	}
	if since.IsZero() {
		return r.begin(p, of)
	}
	y, m, d := since.In(r.loc).Date()
	for next := range 3 {
		if first, last, how := local(y, int(m), d+next, p.clock.sec, r.loc); last.After(since) {
			r.odd(p, first, last, how)
			return last, nil
		}
	}
	return time.Time{}, &Error{Text: p.text, Reason: "does not come after the beginning"}
}

// point resolves what does not depend on the other end.
func (r *resolver) point(p point, of calendar, isEnd bool) (time.Time, error) {
	switch p.kind {
	case absolute:
		return p.abs, nil
	case nowPoint:
		return r.now, nil
	case agoPoint:
		return p.ago.back(r.now), nil
	case calPoint:
		since, until := r.bounds(p.cal)
		if isEnd != p.exclusive {
			return until, nil
		}
		return since, nil
	case clockPoint:
		if p.cal.set() {
			of = p.cal
		}
		y, m, d := r.date(of)
		first, last, how := local(y, m, d, p.clock.sec, r.loc)
		at := first
		if isEnd {
			at = last
		}
		r.odd(p, first, at, how)
		return at, nil
	}
	return time.Time{}, &Error{Text: p.text, Reason: "is no point in time"}
}

// odd says what was taken for a clock time that its day lacks or has twice.
func (r *resolver) odd(p point, first, at time.Time, how reading) {
	switch {
	case how == skipped:
		r.note("%s does not exist on %s in %s, where the clocks go forward; %s is taken", p.text, at.Format(time.DateOnly), zoneName(r.loc, at), stamp(at))
	case how == twice && at.Equal(first):
		r.note("%s comes twice on %s in %s; the first, %s, is taken", p.text, at.Format(time.DateOnly), zoneName(r.loc, at), stamp(at))
	case how == twice:
		r.note("%s comes twice on %s in %s; the second, %s, is taken", p.text, at.Format(time.DateOnly), zoneName(r.loc, at), stamp(at))
	}
}
