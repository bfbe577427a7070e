package when

import "time"

// length is elapsed time plus calendar months; both are never negative.
type length struct {
	months int
	dur    time.Duration
}

func (l length) zero() bool { return l == length{} }

// maxLength is what a single phrase may span.
var maxLength = length{months: 12 * MaxYears, dur: MaxYears * 366 * day}

const (
	day  = 24 * time.Hour
	week = 7 * day
)

type unit struct {
	months int
	dur    time.Duration
}

// smaller orders units, so that 30m1h is refused and 1h30m is not.
func (u unit) smaller(v unit) bool {
	if u.months != v.months {
		return u.months < v.months
	}
	return u.dur < v.dur
}

var englishUnits = map[string]unit{
	"s": {dur: time.Second}, "sec": {dur: time.Second}, "secs": {dur: time.Second}, "second": {dur: time.Second}, "seconds": {dur: time.Second},
	"m": {dur: time.Minute}, "min": {dur: time.Minute}, "mins": {dur: time.Minute}, "minute": {dur: time.Minute}, "minutes": {dur: time.Minute},
	"h": {dur: time.Hour}, "hr": {dur: time.Hour}, "hrs": {dur: time.Hour}, "hour": {dur: time.Hour}, "hours": {dur: time.Hour},
	"d": {dur: day}, "day": {dur: day}, "days": {dur: day},
	"w": {dur: week}, "week": {dur: week}, "weeks": {dur: week},
	"month": {months: 1}, "months": {months: 1},
	"y": {months: 12}, "year": {months: 12}, "years": {months: 12},
}

// koreanUnits are tried in order: a longer word before its own beginning.
var koreanUnits = []struct {
	word string
	unit unit
}{
	{"시간", unit{dur: time.Hour}},
	{"분", unit{dur: time.Minute}},
	{"초", unit{dur: time.Second}},
	{"일", unit{dur: day}},
	{"주일", unit{dur: week}}, {"주", unit{dur: week}},
	{"개월", unit{months: 1}}, {"달", unit{months: 1}},
	{"년", unit{months: 12}},
}

var englishNumbers = map[string]int{
	"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6,
	"seven": 7, "eight": 8, "nine": 9, "ten": 10, "twelve": 12, "fifteen": 15, "thirty": 30,
}

// koreanNumbers are the counting words that stand before 시간, 달 and 주.
var koreanNumbers = []struct {
	word string
	n    int
}{{"한", 1}, {"두", 2}, {"세", 3}, {"네", 4}, {"다섯", 5}, {"여섯", 6}, {"열두", 12}}

// koreanLengths are lengths in one word.
var koreanLengths = []struct {
	word string
	len  length
}{
	{"일주일", length{dur: week}},
	{"하루", length{dur: day}},
	{"이틀", length{dur: 2 * day}},
	{"사흘", length{dur: 3 * day}},
}

// calendarKind is the unit a calendar phrase covers.
type calendarKind int

const (
	noCalendar calendarKind = iota
	calDay
	calWeek
	calMonth
)

// calendar is a whole day, week or month: counted from today (off), given in
// full (y, m, d), or given without its year (y == 0, m and d set).
type calendar struct {
	kind    calendarKind
	off     int
	y, m, d int
}

func (c calendar) set() bool { return c.kind != noCalendar }

// calendarWords are tried in order, so a longer phrase stands before one that
// it begins with.
var calendarWords = []struct {
	words string
	cal   calendar
}{
	{"the day before yesterday", calendar{kind: calDay, off: -2}},
	{"day before yesterday", calendar{kind: calDay, off: -2}},
	{"previous day", calendar{kind: calDay, off: -1}},
	{"yesterday", calendar{kind: calDay, off: -1}},
	{"today", calendar{kind: calDay}},
	{"this week", calendar{kind: calWeek}},
	{"previous week", calendar{kind: calWeek, off: -1}},
	{"this month", calendar{kind: calMonth}},
	{"previous month", calendar{kind: calMonth, off: -1}},
	{"그저께", calendar{kind: calDay, off: -2}},
	{"그제", calendar{kind: calDay, off: -2}},
	{"어제 하루", calendar{kind: calDay, off: -1}},
	{"어제", calendar{kind: calDay, off: -1}},
	{"오늘 하루", calendar{kind: calDay}},
	{"오늘", calendar{kind: calDay}},
	{"금일", calendar{kind: calDay}},
	{"전일", calendar{kind: calDay, off: -1}},
	{"이번 주", calendar{kind: calWeek}},
	{"이번주", calendar{kind: calWeek}},
	{"금주", calendar{kind: calWeek}},
	{"지난 주", calendar{kind: calWeek, off: -1}},
	{"지난주", calendar{kind: calWeek, off: -1}},
	{"이번 달", calendar{kind: calMonth}},
	{"이번달", calendar{kind: calMonth}},
	{"지난 달", calendar{kind: calMonth, off: -1}},
	{"지난달", calendar{kind: calMonth, off: -1}},
}

// ambiguousLast are refused: half of the people who say them mean the calendar.
var ambiguousLast = map[string]string{
	"day":   `can mean the last 24 hours or the day before today: say "last 24 hours" or "yesterday"`,
	"week":  `can mean the last 7 days or the week before this one: say "last 7 days" or "previous week"`,
	"month": `can mean the last 30 days or the month before this one: say "last 30 days" or "previous month"`,
	"year":  `can mean the last 365 days or the year before this one: say "last 365 days", or since and until`,
}

var monthNames = map[string]int{
	"jan": 1, "january": 1, "feb": 2, "february": 2, "mar": 3, "march": 3, "apr": 4, "april": 4,
	"may": 5, "jun": 6, "june": 6, "jul": 7, "july": 7, "aug": 8, "august": 8,
	"sep": 9, "sept": 9, "september": 9, "oct": 10, "october": 10, "nov": 11, "november": 11, "dec": 12, "december": 12,
}

// half is the half of the day that was named with a clock time.
type half int

const (
	noHalf half = iota
	am
	pm
)

// koreanHalves are the words before a Korean hour, with the hours they can
// name: nobody says 밤 3시 for three in the afternoon.
var koreanHalves = []struct {
	word   string
	half   half
	lo, hi int
}{
	{"오전", am, 0, 12}, {"오후", pm, 1, 12},
	{"새벽", am, 1, 6}, {"아침", am, 5, 11}, {"저녁", pm, 5, 11}, {"밤", pm, 7, 11},
}

// Vocabulary lists the words a time phrase may begin with or hold, so that a
// grammar around this one can propose the nearest.
func Vocabulary() []string {
	words := []string{"last", "past", "previous", "this", "since", "until", "between", "today", "yesterday", "noon", "midnight",
		"지난", "최근", "이번", "오늘", "어제", "그저께", "오전", "오후", "시간", "부터", "까지", "동안", "정오", "자정"}
	for w := range englishUnits {
		if len(w) > 2 {
			words = append(words, w)
		}
	}
	return words
}
