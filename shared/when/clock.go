package when

import "fmt"

// clock is a time of day in seconds, 86400 being the day's end. It is open
// while an hour of 1 to 12 lacks its half of the day, and bare when it was
// nothing but a number.
type clock struct {
	sec  int
	half half
	open bool
	bare bool
}

// in gives an open clock its half of the day.
func (k clock) in(h half) clock {
	k.sec %= 12 * 3600
	if h == pm {
		k.sec += 12 * 3600
	}
	k.half, k.open, k.bare = h, false, false
	return k
}

// pair lets the two ends of a range tell each other what one left out: in
// "2-3pm" both are of the afternoon, in "11-1pm" the first is of the morning.
func pair(from, to *point) {
	if from.kind == clockPoint && to.kind == clockPoint {
		from.clock, to.clock = pairClocks(from.clock, to.clock)
	}
}

func pairClocks(a, b clock) (clock, clock) {
	switch {
	case a.open && b.half != noHalf:
		if same := a.in(b.half); same.sec < b.sec {
			a = same
		} else {
			a = a.in(am + pm - b.half)
		}
	case b.open && a.half != noHalf:
		if same := b.in(a.half); same.sec > a.sec {
			b = same
		} else {
			b = b.in(am + pm - a.half)
		}
	case a.open != b.open: // 14:00-15, 14시~3시: 24 hours on one side are so on both
		a.open, b.open = false, false
	}
	a.bare, b.bare = a.bare && a.open, b.bare && b.open
	return a, b
}

func (k clock) openError(text string) *Error {
	h := k.sec / 3600
	return &Error{Text: text, Reason: fmt.Sprintf("%d o'clock can be of the morning or of the afternoon: say %dam or %dpm, 오전 %d시 or 오후 %d시, or 24-hour time as in 14:00", h, h, h, h, h)}
}

func checkClock(h, m, s int, text string) error {
	if h > 24 || m > 59 || s > 59 || h == 24 && m+s > 0 {
		return &Error{Text: text, Reason: "there is no such time of day; it goes from 00:00 to 24:00"}
	}
	return nil
}

// clock reads a time of day. With bare, a lone hour counts, and is open.
func (c *scanner) clock(bare bool) (k clock, ok bool, err error) {
	start := c.i
	ok = c.try(func() bool {
		switch {
		case c.word("noon") != "", c.lit("정오"):
			k = clock{sec: 12 * 3600, half: pm}
			return true
		case c.word("midnight") != "", c.lit("자정"):
			k = clock{half: am}
			return true
		}
		lo, hi, named := 0, 24, noHalf
		for _, w := range koreanHalves {
			if c.lit(w.word) {
				lo, hi, named = w.lo, w.hi, w.half
				c.space()
				break
			}
		}
		padded := c.next() == '0'
		h, ok := c.digits(1, 2)
		if !ok {
			return false
		}
		m, s, colon, korean := 0, 0, false, false
		switch {
		case c.lit(":"):
			if m, colon = c.digits(2, 2); !colon {
				return false
			}
			c.try(func() bool {
				if !c.lit(":") {
					return false
				}
				s, ok = c.digits(2, 2)
				return ok
			})
		case c.lit("시"):
			if c.lit("간") {
				return false
			}
			korean = true
			m = c.koreanMinutes()
		}
		if named == noHalf && !korean {
			named = c.suffixHalf()
			if named != noHalf {
				lo, hi = 1, 12
			}
		}
		lone := !colon && !korean && named == noHalf
		if !c.atBoundary() || lone && (!bare || h > 24 || c.hangulFollows()) {
			return false // a lone number is an hour only where one is due
		}
		text := c.s[start:c.i]
		if err = checkClock(h, m, s, text); err != nil {
			return true
		}
		if h < lo || h > hi {
			err = &Error{Text: text, Reason: fmt.Sprintf("the hour must be %d to %d in this half of the day", lo, hi)}
			return true
		}
		k = clock{sec: h*3600 + m*60 + s}
		switch {
		case named != noHalf:
			k = k.in(named)
		case !colon:
			k.open = 1 <= h && h <= 12 && !padded
			k.bare = !korean
		}
		return true
	})
	return k, ok && err == nil, err
}

// koreanMinutes consumes the 30분 or 반 after an hour.
func (c *scanner) koreanMinutes() (m int) {
	c.try(func() bool {
		c.space()
		if c.lit("반") {
			m = 30
			return true
		}
		n, ok := c.digits(1, 2)
		m = n
		return ok && c.lit("분")
	})
	return m
}

// suffixHalf consumes the am or pm after an hour.
func (c *scanner) suffixHalf() (h half) {
	c.try(func() bool {
		c.space()
		switch {
		case c.lit("a.m."), c.lit("A.M."), c.word("am") != "":
			h = am
		case c.lit("p.m."), c.lit("P.M."), c.word("pm") != "":
			h = pm
		}
		return h != noHalf
	})
	return h
}
