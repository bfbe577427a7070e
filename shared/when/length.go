package when

import (
	"fmt"
	"time"
)

// length reads elapsed time such as 1h30m, 90 minutes or 1시간 30분.
func (c *scanner) length() (l length, ok bool, err error) {
	for _, w := range koreanLengths {
		if c.lit(w.word) {
			return w.len, true, nil
		}
	}
	start := c.i
	var prev unit
	for {
		more := c.try(func() bool {
			if ok {
				c.space()
				if c.word("and") != "" {
					c.space()
				}
			}
			thousandths, found := c.number()
			if !found {
				return false
			}
			c.space()
			u, found := c.unit()
			if !found || ok && !u.smaller(prev) {
				return false
			}
			if u.months > 0 {
				if thousandths%1000 != 0 {
					return false
				}
				if thousandths/1000 > int64(maxLength.months/u.months) {
					err = tooLong(c.s[start:c.i])
				}
				l.months += int(min(thousandths/1000, 1<<20)) * u.months
			} else {
				if thousandths > int64(maxLength.dur/(u.dur/1000)) {
					err = tooLong(c.s[start:c.i])
				} else {
					l.dur += time.Duration(thousandths) * (u.dur / 1000)
				}
			}
			prev = u
			return true
		})
		if !more || err != nil {
			break
		}
		ok = true
	}
	if ok && !c.atBoundary() {
		ok = false
	}
	if !ok && err == nil {
		c.i = start
		return length{}, false, nil
	}
	switch {
	case err != nil:
	case l.zero():
		err = &Error{Text: c.s[start:c.i], Reason: "is no time at all"}
	case l.months > maxLength.months || l.dur > maxLength.dur:
		err = tooLong(c.s[start:c.i])
	}
	return l, err == nil, err
}

func tooLong(text string) *Error {
	return &Error{Text: text, Reason: fmt.Sprintf("is longer than %d years", MaxYears)}
}

// number reads a count in thousandths: 15, 1.5, two, 한.
func (c *scanner) number() (thousandths int64, ok bool) {
	for _, w := range koreanNumbers {
		if c.lit(w.word) {
			return int64(w.n) * 1000, true
		}
	}
	if name := c.letters(); name != "" {
		n, ok := englishNumbers[name]
		if ok {
			c.i += len(name)
		}
		return int64(n) * 1000, ok
	}
	ok = c.try(func() bool {
		n, found := c.digits(1, 12)
		if !found {
			return false
		}
		thousandths = int64(n) * 1000
		c.try(func() bool {
			if !c.lit(".") {
				return false
			}
			from := c.i
			f, found := c.digits(1, 3)
			for k := c.i - from; k < 3; k++ {
				f *= 10
			}
			thousandths += int64(f)
			return found
		})
		return true
	})
	return thousandths, ok
}

// unit reads a unit of time. A capital M is not one: elsewhere it is a million.
func (c *scanner) unit() (unit, bool) {
	for _, w := range koreanUnits {
		if c.lit(w.word) {
			return w.unit, true
		}
	}
	name := c.letters()
	u, ok := englishUnits[name]
	if !ok || name == "m" && c.rest()[0] == 'M' {
		return unit{}, false
	}
	c.i += len(name)
	return u, true
}
