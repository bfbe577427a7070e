// Package when reads the time phrases of every tool's arguments, so that
// "last hour" or "어제 오후 2시부터" means the same wherever it is said.
//
// Reading and resolving are two steps. [Parse] checks the words and knows no
// clock; [Spec.At] turns them into a [Range] once the clock of the system that
// is asked (often the database's, not this machine's) has been read:
//
//	spec, err := when.Parse(when.Args{TimeRange: "yesterday 2-3pm"})
//	r, err := spec.At(databaseNow, loc)
//
// [Match] and [Join] serve a grammar that finds time phrases among other words.
//
// What the words mean:
//   - A range holds its beginning and not its end: [Since, Until).
//   - "last 24h", "7d", "지난 1시간" are elapsed time up to now, a day being 24
//     hours; months and years are counted on the calendar.
//   - "today", "yesterday", a date, "this week" are days of the zone, however
//     many hours they have. "until" a day includes it, "before" and "after" a
//     day do not. A week begins on Monday.
//   - A clock time without a date is the latest one that has passed; as an end
//     it is the first one after the beginning.
//   - A clock time that does not exist that day means the moment the clocks
//     went forward; one that comes twice means the first as a beginning and the
//     second as an end. Either is said in [Range.Notes].
//   - An end that is still to come is cut to now, and that is said.
package when

import (
	"fmt"
	"strings"
	"time"
)

// Forms lists what can be said, for messages and for schema descriptions.
const Forms = `15m, 1h30m, 7d, today, yesterday, last hour, last_24h, last 30 minutes, 지난 1시간, 최근 30분, 오늘, 어제, a date (2026-11-20), yesterday 2-3pm, 14:00-15:00, since 14:00, 어제 오후 2시부터`

// MomentForms lists how since, until and at can be said.
const MomentForms = `RFC 3339 (2026-11-20T14:00:00+09:00), a date (2026-11-20), a local date and time (2026-11-20 14:00), a clock time (14:00, 2pm, 오후 2시), yesterday 2pm, 30m ago`

// MaxYears bounds both the length of a range and how far back it may begin.
const MaxYears = 10

// maxText bounds, in bytes, what Parse looks at; no phrase is this long.
const maxText = 200

// Args are the three time arguments that many tools share. Empty means not
// given.
type Args struct {
	TimeRange string
	Since     string
	Until     string
}

// Spec is a time phrase that was understood and waits for a clock. The zero
// Spec means that no time was asked for.
type Spec struct {
	all    bool
	last   length
	cal    calendar
	from   point
	to     point
	phrase string
}

// Range is a half-open interval [Since, Until) of a zone. It is bounded and
// not empty, except that of the zero Spec and of "all", whose ends are zero.
type Range struct {
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until"`
	Phrase string    `json:"phrase"`          // the words it was asked with
	Zone   string    `json:"zone"`            // the zone's name, e.g. Asia/Seoul
	Notes  []string  `json:"notes,omitempty"` // what was decided for the caller
}

// IsZero reports whether no time was asked for, so that a default applies.
func (s Spec) IsZero() bool { return s == Spec{} }

// IsAll reports whether all time was asked for by name.
func (s Spec) IsAll() bool { return s.all }

// String returns the words the Spec was read from.
func (s Spec) String() string { return s.phrase }

// Bounded reports whether the range has ends.
func (r Range) Bounded() bool { return !r.Since.IsZero() && !r.Until.IsZero() }

// Duration is the elapsed time between the ends, 0 if the range is unbounded.
func (r Range) Duration() time.Duration {
	if !r.Bounded() {
		return 0
	}
	return r.Until.Sub(r.Since)
}

// String shows both ends with their offsets, the words they came from, and
// what was decided on the way:
//
//	2026-11-20T13:00:00+09:00 .. 2026-11-20T14:00:00+09:00 (last hour)
func (r Range) String() string {
	if !r.Bounded() {
		return "all time"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s .. %s", stamp(r.Since), stamp(r.Until))
	if r.Phrase != "" || len(r.Notes) > 0 {
		fmt.Fprintf(&b, " (%s)", strings.Join(append([]string{r.Phrase}, r.Notes...), "; "))
	}
	return b.String()
}

// stamp is RFC 3339 with the offset in digits for UTC too.
func stamp(t time.Time) string { return t.Format("2006-01-02T15:04:05.999999999-07:00") }

// Parse reads the three arguments together. It returns the zero Spec when all
// are empty, and an [*Error] that names the argument and the words when they
// are not understood or contradict each other.
func Parse(a Args) (Spec, error) {
	var pieces []Piece
	if text := strings.TrimSpace(a.TimeRange); text != "" {
		p, err := parseRange(text)
		if err != nil {
			return Spec{}, err
		}
		pieces = append(pieces, p...)
	}
	if text := strings.TrimSpace(a.Since); text != "" {
		p, err := parsePoint("since", text)
		if err != nil {
			return Spec{}, err
		}
		pieces = append(pieces, Piece{from: p, text: "since " + p.text})
	}
	if text := strings.TrimSpace(a.Until); text != "" {
		p, err := parsePoint("until", text)
		if err != nil {
			return Spec{}, err
		}
		pieces = append(pieces, Piece{to: p, text: "until " + p.text})
	}
	return Join(pieces...)
}

// Resolve is Parse and [Spec.At] in one, for callers that have their clock at
// hand. The bool tells whether a time was asked for at all.
func Resolve(a Args, now time.Time, loc *time.Location) (Range, bool, error) {
	spec, err := Parse(a)
	if err != nil {
		return Range{}, false, err
	}
	if spec.IsZero() {
		return Range{}, false, nil
	}
	r, err := spec.At(now, loc)
	return r, err == nil, err
}

// Moment is one point in time that was understood and waits for a clock.
type Moment struct{ p point }

// ParseMoment reads one point in time, in the forms of [MomentForms].
func ParseMoment(text string) (Moment, error) {
	p, err := parsePoint("", strings.TrimSpace(text))
	if err != nil {
		return Moment{}, err
	}
	if p.clock.open {
		return Moment{}, p.clock.openError(p.text)
	}
	return Moment{p: p}, nil
}

// At resolves the moment against now in loc; a day means its beginning. The
// notes say what was decided on the way. A moment that is still to come is an
// error.
func (m Moment) At(now time.Time, loc *time.Location) (time.Time, []string, error) {
	r := resolver{now: now.Round(0), loc: loc}
	t, err := r.begin(m.p, calendar{})
	return t, r.notes, err
}
