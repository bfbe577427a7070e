package when

import (
	"fmt"
	"strings"
	"time"
)

type pointKind int

const (
	noPoint    pointKind = iota
	absolute             // an instant with its offset
	nowPoint             // now
	agoPoint             // a length before now
	calPoint             // a day, week or month as a whole
	clockPoint           // a clock time, of a named day or not
)

// point is one end of a range as it was said.
type point struct {
	kind      pointKind
	abs       time.Time
	ago       length
	cal       calendar
	clock     clock
	exclusive bool // "before" or "after" a day, which leave the day out
	text      string
}

func (p point) set() bool { return p.kind != noPoint }

// point reads one point in time. An error means that the words are those of a
// point but name none. With bare, a lone hour such as the 2 of "2-3pm" counts.
func (c *scanner) point(bare bool) (p point, ok bool, err error) {
	start := c.i
	ok = c.try(func() bool {
		p, err = c.scanPoint(bare)
		return p.set() && err == nil
	})
	p.text = strings.TrimSpace(c.s[start:c.i])
	return p, ok, err
}

func (c *scanner) scanPoint(bare bool) (point, error) {
	if p, ok, err := c.stamp(); ok || err != nil {
		return p, err
	}
	cal, ok, err := c.calendar()
	if err != nil {
		return point{}, err
	}
	if ok {
		p := point{kind: calPoint, cal: cal}
		if cal.kind == calDay {
			c.try(func() bool {
				c.space()
				var k clock
				if k, ok, err = c.clock(bare); ok {
					p.kind, p.clock = clockPoint, k
				}
				return ok
			})
		}
		return p, err
	}
	if c.word("now") != "" || c.lit("지금") || c.lit("현재") {
		return point{kind: nowPoint}, nil
	}
	var l length
	isAgo := c.try(func() bool {
		if l, ok, err = c.length(); !ok {
			return false
		}
		c.space()
		return c.word("ago") != "" || c.lit("전")
	})
	if isAgo {
		return point{kind: agoPoint, ago: l}, nil
	}
	k, ok, err := c.clock(bare)
	if !ok || err != nil {
		return point{}, err
	}
	return point{kind: clockPoint, clock: k}, nil
}

// stamp reads an ISO date with a time: an instant when an offset follows, else
// a time on that day of the zone.
func (c *scanner) stamp() (p point, ok bool, err error) {
	ok = c.try(func() bool {
		start := c.i
		y, m, d, found := c.isoDate('-')
		if !found || !c.lit("T") && !c.lit("t") && !c.lit(" ") {
			return false
		}
		clockAt := c.i
		h, a := c.digits(2, 2)
		colon := c.lit(":")
		mi, b := c.digits(2, 2)
		if !a || !colon || !b {
			return false
		}
		s, sOK := 0, true
		fraction := ""
		if c.lit(":") {
			s, sOK = c.digits(2, 2)
			fraction = c.fraction()
		}
		zone := c.zone()
		if zone == "" && c.suffixHalf() != noHalf {
			// 2026-11-20 02:30pm: the general reading of a clock time takes it.
			c.i = clockAt
			return false
		}
		text := c.s[start:c.i]
		if !sOK || !c.atBoundary() {
			return false
		}
		if err = checkDate(y, m, d, text); err != nil {
			return true
		}
		if err = checkClock(h, mi, s, text); err != nil {
			return true
		}
		if zone == "" {
			if fraction != "" {
				err = &Error{Text: text, Reason: "parts of a second need an offset, as in 2026-11-20T14:00:00.5+09:00"}
				return true
			}
			p = point{kind: clockPoint, cal: calendar{kind: calDay, y: y, m: m, d: d}, clock: clock{sec: h*3600 + mi*60 + s}}
			return true
		}
		t, parseErr := time.Parse("2006-01-02T15:04:05.999999999Z07:00",
			fmt.Sprintf("%04d-%02d-%02dT%02d:%02d:%02d%s%s", y, m, d, h, mi, s, fraction, zone))
		if parseErr != nil {
			err = &Error{Text: text, Reason: "is no time of RFC 3339, as 2026-11-20T14:00:00+09:00 is"}
			return true
		}
		p = point{kind: absolute, abs: t}
		return true
	})
	return p, ok && err == nil, err
}

// fraction consumes .123 of a second.
func (c *scanner) fraction() string {
	start := c.i
	if !c.try(func() bool {
		if !c.lit(".") {
			return false
		}
		_, ok := c.digits(1, 9)
		return ok
	}) {
		return ""
	}
	return c.s[start:c.i]
}

// zone consumes Z, +09:00 or +0900 and returns it in RFC 3339's form.
func (c *scanner) zone() (z string) {
	c.try(func() bool {
		var sign string
		switch {
		case c.lit("Z"), c.lit("z"):
			z = "Z"
			return true
		case c.lit("+"):
			sign = "+"
		case c.lit("-"):
			sign = "-"
		default:
			return false
		}
		if hm, ok := c.digits(4, 4); ok {
			z = fmt.Sprintf("%s%02d:%02d", sign, hm/100, hm%100)
			return true
		}
		h, ok := c.digits(2, 2)
		if !ok || !c.lit(":") {
			return false
		}
		m, ok := c.digits(2, 2)
		if ok {
			z = fmt.Sprintf("%s%02d:%02d", sign, h, m)
		}
		return ok
	})
	return z
}
