package when

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// Piece is a part of what was said about time: a whole range, or one end of
// it, or a day that ends given elsewhere belong to.
type Piece struct {
	all      bool
	last     length
	cal      calendar
	from, to point
	text     string
}

// String returns the piece's words.
func (p Piece) String() string { return p.text }

// particles may follow a time phrase in Korean without changing it. A longer
// one stands before its beginning.
var particles = []string{"동안의", "동안에", "동안", "이내에", "이내의", "이내", "사이에", "사이의", "사이", "중에서", "중에", "중",
	"내에", "내의", "내", "간의", "간", "에는", "에", "의", "은", "는", "로"}

// Match reads the time phrase at the beginning of s and returns it with the
// number of bytes it takes, or 0 when s does not begin with one. An error means
// that s does begin with words about time, n bytes of them, that name no range.
//
// A length alone ("30 minutes") is such an error: among other words it may as
// well be how long something has lasted.
func Match(s string) (p Piece, n int, err error) {
	c := &scanner{s: s}
	p, ok, err := c.piece()
	if err != nil {
		return Piece{}, max(c.i, 1), err
	}
	if !ok {
		return Piece{}, 0, nil
	}
	p.text = strings.Join(strings.Fields(s[:c.i]), " ")
	return p, c.i, nil
}

// piece tries the forms in an order in which no form hides a longer one.
func (c *scanner) piece() (p Piece, ok bool, err error) {
	for _, form := range []func() (Piece, bool, error){c.allTime, c.fromTo, c.koreanEnd, c.openEnd, c.rolling, c.wholeDay, c.stray} {
		if p, ok, err = form(); ok || err != nil {
			return p, ok, err
		}
	}
	return Piece{}, false, nil
}

func (c *scanner) allTime() (Piece, bool, error) {
	ok := slices.ContainsFunc([]string{"all time", "전체 기간", "전체기간", "모든 기간"}, c.phrase)
	return Piece{all: ok}, ok, nil
}

// fromTo reads both ends: yesterday 2-3pm, between 14:00 and 15:00,
// 오후 2시~3시, 14시에서 15시 사이.
func (c *scanner) fromTo() (p Piece, ok bool, err error) {
	connected := false
	ok = c.try(func() bool {
		lead := c.word("from", "since", "between")
		c.space()
		var found bool
		p.from, found, err = c.point(true)
		if !found || err != nil {
			return false
		}
		c.space()
		if !c.connector(lead == "between") {
			return false
		}
		connected = true
		c.space()
		p.to, found, err = c.point(true)
		if !found || err != nil {
			return false
		}
		if p.from.clock.bare && (p.to.clock.bare || p.to.kind != clockPoint) || p.to.clock.bare && p.from.kind != clockPoint {
			return false // "between 10 and 20" is about something else
		}
		pair(&p.from, &p.to)
		c.particle("까지")
		return true
	})
	if !connected {
		err = nil // the other forms say better what is wrong with the first end
	}
	return p, ok, err
}

// connector consumes what stands between two ends.
func (c *scanner) connector(between bool) bool {
	if slices.ContainsFunc([]string{"~", "-", "–", "—", "..", "에서", "부터"}, c.lit) {
		return true
	}
	if between {
		return c.word("and") != ""
	}
	return c.word("to", "until", "till") != "" || c.try(func() bool {
		return (c.lit("와") || c.lit("과")) && !c.hangulFollows()
	})
}

// koreanEnd reads an end whose marker follows it: 오후 2시부터, 어제까지.
func (c *scanner) koreanEnd() (p Piece, ok bool, err error) {
	ok = c.try(func() bool {
		pt, found, _ := c.point(false)
		if !found {
			return false
		}
		c.space()
		switch {
		case c.lit("부터"):
			p.from = pt
		case c.lit("이후"):
			p.from = pt
		case c.lit("까지"):
			p.to = pt
		case c.lit("이전"):
			pt.exclusive = true
			p.to = pt
		default:
			return false
		}
		c.particle()
		return true
	})
	return p, ok, nil
}

// openEnd reads an end whose marker goes before it: since 14:00, until noon.
func (c *scanner) openEnd() (p Piece, ok bool, err error) {
	start := c.i
	marker := c.word("since", "after", "from", "until", "till", "before")
	if marker == "" {
		return Piece{}, false, nil
	}
	c.space()
	pt, found, err := c.point(false)
	switch {
	case err != nil:
		return Piece{}, false, err
	case !found && marker != "since" && marker != "until":
		c.i = start // "from merchant 7", "after refund"
		return Piece{}, false, nil
	case !found:
		word := c.rest()
		c.i = len(c.s)
		return Piece{}, false, &Error{Text: strings.TrimSpace(c.s[start:]), Reason: marker + " what? " + quote(word) + " is no point in time; say " + MomentForms}
	}
	whole := pt.kind == calPoint
	switch marker {
	case "from":
		if whole && pt.cal != (calendar{kind: calDay}) {
			return Piece{}, false, &Error{Text: c.s[start:c.i], Reason: `can mean that day alone or from then on: say ` + strconv.Quote(pt.text) + ` or ` + strconv.Quote("since "+pt.text)}
		}
		p.from = pt
	case "since", "after":
		pt.exclusive = whole && marker == "after"
		p.from = pt
	default:
		pt.exclusive = whole && marker == "before"
		p.to = pt
	}
	return p, true, nil
}

// lead consumes the little words before a range: in the last hour.
func (c *scanner) lead() {
	c.try(func() bool {
		if c.word("in", "over", "for", "during", "within", "on", "of") == "" {
			return false
		}
		c.space()
		return true
	})
	c.try(func() bool {
		if c.word("the") == "" {
			return false
		}
		c.space()
		return c.word("day") == "" // the day before yesterday
	})
}

// rolling reads elapsed time up to now: last 30 minutes, 지난 1시간 동안.
func (c *scanner) rolling() (p Piece, ok bool, err error) {
	ok = c.try(func() bool {
		c.lead()
		var found bool
		switch {
		case c.word("last", "past") != "":
			c.space()
			if p.last, found, err = c.length(); found || err != nil {
				break
			}
			name := c.letters()
			u, isUnit := englishUnits[name]
			if !isUnit || len(name) < 3 && name != "hr" {
				return false
			}
			c.i += len(name)
			if why, two := ambiguousLast[name]; two {
				err = &Error{Text: strings.TrimSpace(c.s[:c.i]), Reason: why}
				break
			}
			p.last, found = length{dur: u.dur}, strings.TrimSuffix(name, "s") == name
		case c.lit("지난"), c.lit("최근"):
			c.space()
			p.last, found, err = c.length()
			c.particle()
		default:
			// 30분 이내 is a range without 지난.
			if p.last, found, err = c.length(); err != nil || !found {
				err = nil
				return false
			}
			c.space()
			if !c.lit("이내") && !c.lit("내") {
				return false
			}
			c.try(func() bool { return c.lit("에") || c.lit("의") })
			return !c.hangulFollows()
		}
		return found || err != nil
	})
	return p, ok && err == nil, err
}

// wholeDay reads a day, week or month of the calendar.
func (c *scanner) wholeDay() (p Piece, ok bool, err error) {
	ok = c.try(func() bool {
		c.lead()
		var found bool
		p.cal, found, err = c.calendar()
		if !found {
			return err != nil
		}
		at := c.i
		c.space()
		if _, clock, _ := c.clock(false); clock {
			return false // a moment: stray names it
		}
		c.i = at
		c.particle()
		return true
	})
	return p, ok && err == nil, err
}

// stray names words about time that are no range.
func (c *scanner) stray() (Piece, bool, error) {
	start := c.i
	c.try(func() bool {
		if c.word("at", "around", "on", "in", "for") == "" {
			return false
		}
		c.space()
		return !c.end()
	})
	pt, found, err := c.point(false)
	if err != nil {
		return Piece{}, false, err
	}
	if found {
		reason := `is a moment and no range: say both ends, as in "14:00-15:00"`
		if pt.kind != nowPoint {
			reason += ", or " + strconv.Quote("since "+pt.text)
		}
		return Piece{}, false, &Error{Text: c.s[start:c.i], Reason: reason}
	}
	at := c.i
	if _, ok, err := c.length(); err != nil {
		return Piece{}, false, err
	} else if ok {
		text := strings.TrimSpace(c.s[at:c.i])
		return Piece{}, false, &Error{Text: text, Reason: "is a length of time alone; for the time up to now say " + strconv.Quote("last "+text) + ` or, in Korean, "지난 1시간"`}
	}
	c.i = start
	return Piece{}, false, nil
}

// particle consumes one Korean particle, of those given or of the usual ones,
// if a word ends with it.
func (c *scanner) particle(first ...string) {
	for _, w := range append(first, particles...) {
		if c.try(func() bool {
			if len([]rune(w)) > 1 || w == "중" || w == "내" {
				c.space()
			}
			return c.lit(w) && !c.hangulFollows()
		}) {
			return
		}
	}
}

// Join makes one Spec of all the pieces that were said. It refuses pieces that
// contradict each other and pieces that leave something open.
func Join(pieces ...Piece) (Spec, error) {
	s, err := join(pieces)
	if err != nil {
		return Spec{}, err
	}
	if err := s.check(); err != nil {
		return Spec{}, err
	}
	return s, nil
}

// Clash returns the error of pieces that contradict each other, when more may
// still follow.
func Clash(pieces ...Piece) error {
	_, err := join(pieces)
	return err
}

func join(pieces []Piece) (Spec, error) {
	var s Spec
	var texts []string
	for n, p := range pieces {
		if contains(pieces[:n], p) {
			continue
		}
		clash := func() error {
			return &Error{Text: strings.Join(append(texts, p.text), " … "), Reason: "are two different times; say one"}
		}
		if s.all || p.all && n > 0 ||
			p.last != (length{}) && (!s.last.zero() || s.cal.set() || s.from.set()) ||
			p.cal.set() && (s.cal.set() || !s.last.zero()) ||
			p.from.set() && (s.from.set() || !s.last.zero()) ||
			p.to.set() && s.to.set() {
			return Spec{}, clash()
		}
		s.all = s.all || p.all
		if !p.last.zero() {
			s.last = p.last
		}
		if p.cal.set() {
			s.cal = p.cal
		}
		if p.from.set() {
			s.from = p.from
		}
		if p.to.set() {
			s.to = p.to
		}
		for _, end := range []point{s.from, s.to} {
			if s.cal.set() && end.set() && (s.cal.kind != calDay || end.kind != clockPoint || end.cal.set()) {
				return Spec{}, clash()
			}
		}
		texts = append(texts, p.text)
	}
	s.phrase = strings.Join(texts, " ")
	return s, nil
}

// contains reports whether p was said before, in whatever words.
func contains(pieces []Piece, p Piece) bool {
	return slices.ContainsFunc(pieces, func(q Piece) bool {
		q.text, q.from.text, q.to.text = p.text, p.from.text, p.to.text
		return q == p
	})
}

// check finishes a Spec: what the ends leave out is taken from each other, and
// what is still open is refused.
func (s *Spec) check() error {
	pair(&s.from, &s.to)
	for _, end := range []point{s.from, s.to} {
		if end.clock.open || end.clock.bare {
			return end.clock.openError(end.text)
		}
	}
	if s.to.set() && !s.from.set() && !s.cal.set() && s.last.zero() {
		return &Error{Text: s.phrase, Reason: `has an end and no beginning: say "since" too, or a length as in "last 1h"`}
	}
	a, b := s.from, s.to
	if a.kind == clockPoint && b.kind == clockPoint && a.clock.sec == b.clock.sec && a.cal == b.cal {
		return &Error{Text: s.phrase, Reason: "begins and ends at the same time"}
	}
	return nil
}

// parseRange reads the whole of a time_range.
func parseRange(text string) ([]Piece, error) {
	const field = "time_range"
	if len(text) > maxText {
		return nil, &Error{Field: field, Text: text, Reason: "is too long for a time; say " + Forms}
	}
	if strings.EqualFold(text, "all") || text == "전체" {
		return []Piece{{all: true, text: text}}, nil
	}
	c := &scanner{s: text}
	if l, ok, err := c.length(); ok && err == nil {
		c.particle()
		if c.end() {
			return []Piece{{last: l, text: strings.Join(strings.Fields(text), " ")}}, nil
		}
	}
	var pieces []Piece
	for c.i = 0; ; {
		c.space()
		c.lit(",")
		c.space()
		if c.end() && len(pieces) > 0 {
			return pieces, nil
		}
		p, n, err := Match(c.rest())
		if err != nil {
			return nil, inField(err, field)
		}
		if n == 0 {
			reason := "is not understood; say " + Forms
			if c.i > 0 {
				reason = quote(c.rest()) + " " + reason
			}
			return nil, &Error{Field: field, Text: text, Reason: reason}
		}
		pieces = append(pieces, p)
		c.i += n
	}
}

// parsePoint reads the whole of a since, until or at. A length alone means
// that long ago, as in docker logs --since 30m.
func parsePoint(field, text string) (point, error) {
	refuse := &Error{Field: field, Text: text, Reason: "is not understood; say " + MomentForms}
	if len(text) > maxText {
		return point{}, refuse
	}
	c := &scanner{s: text}
	if p, ok, err := c.point(false); err != nil {
		return point{}, inField(err, field)
	} else if ok && c.end() {
		return p, nil
	}
	c.i = 0
	if l, ok, err := c.length(); err != nil {
		return point{}, inField(err, field)
	} else if ok && c.end() {
		return point{kind: agoPoint, ago: l, text: text + " ago"}, nil
	}
	return point{}, refuse
}

func inField(err error, field string) error {
	if e, ok := errors.AsType[*Error](err); ok {
		e.Field = field
	}
	return err
}
