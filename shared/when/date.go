package when

import "time"

// isoDate consumes 2026-11-20 with the given separator.
func (c *scanner) isoDate(sep byte) (y, m, d int, ok bool) {
	ok = c.try(func() bool {
		var a, b, e bool
		y, a = c.digits(4, 4)
		first := c.lit(string(sep))
		m, b = c.digits(1, 2)
		second := c.lit(string(sep))
		d, e = c.digits(1, 2)
		return a && first && b && second && e
	})
	return y, m, d, ok
}

// calendar reads a day, week or month.
func (c *scanner) calendar() (cal calendar, ok bool, err error) {
	for _, w := range calendarWords {
		if c.phrase(w.words) {
			return w.cal, true, nil
		}
	}
	start := c.i
	cal = calendar{kind: calDay}
	ok = c.try(func() bool {
		var found bool
		for _, sep := range []byte("-/.") {
			if cal.y, cal.m, cal.d, found = c.isoDate(sep); found {
				return c.atBoundary()
			}
		}
		cal.y = 0
		return c.koreanDate(&cal) || c.englishDate(&cal)
	})
	if !ok {
		return calendar{}, false, nil
	}
	text := c.s[start:c.i]
	year := cal.y
	if year == 0 {
		year = 2000 // a leap year: 29 February is a day of some year
	}
	if err := checkDate(year, cal.m, cal.d, text); err != nil {
		return calendar{}, false, err
	}
	return cal, true, nil
}

// koreanDate consumes 2026년 11월 20일 and 11월 20일.
func (c *scanner) koreanDate(cal *calendar) bool {
	return c.try(func() bool {
		c.try(func() bool {
			y, ok := c.digits(4, 4)
			if !ok || !c.lit("년") {
				return false
			}
			cal.y = y
			c.space()
			return true
		})
		var ok bool
		if cal.m, ok = c.digits(1, 2); !ok || !c.lit("월") {
			return false
		}
		c.space()
		cal.d, ok = c.digits(1, 2)
		return ok && c.lit("일")
	})
}

// englishDate consumes Nov 20, November 20 2026 and 20 Nov.
func (c *scanner) englishDate(cal *calendar) bool {
	month := func() bool {
		name := c.letters()
		m, ok := monthNames[name]
		if ok {
			cal.m = m
			c.i += len(name)
		}
		return ok
	}
	dayOfMonth := func() bool {
		d, ok := c.digits(1, 2)
		cal.d = d
		return ok && c.atBoundary()
	}
	found := c.try(func() bool {
		if !month() {
			return false
		}
		c.space()
		return dayOfMonth()
	}) || c.try(func() bool {
		if !dayOfMonth() {
			return false
		}
		c.space()
		return month()
	})
	if found {
		c.try(func() bool {
			c.lit(",")
			c.space()
			y, ok := c.digits(4, 4)
			if !ok || !c.atBoundary() {
				return false
			}
			cal.y = y
			return true
		})
	}
	return found
}

func checkDate(y, m, d int, text string) error {
	if m < 1 || m > 12 || d < 1 || d > time.Date(y, time.Month(m)+1, 0, 0, 0, 0, 0, time.UTC).Day() {
		return &Error{Text: text, Reason: "there is no such day"}
	}
	if y < 1970 || y > 2999 {
		return &Error{Text: text, Reason: "the year must be between 1970 and 2999"}
	}
	return nil
}
