package when_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"payops-mcp/shared/when"
)

// now is a Friday afternoon in Seoul.
var seoul = zone("Asia/Seoul")
var now = time.Date(2026, 11, 20, 14, 30, 0, 0, seoul)

func zone(name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return loc
}

// at reads "20 14:00" as a day of November 2026 in Seoul, "10-31 14:00" with
// its month.
func at(t *testing.T, s string) time.Time {
	t.Helper()
	if len(s) == len("20 14:00") {
		s = "11-" + s
	}
	v, err := time.ParseInLocation("2006-01-02 15:04", "2026-"+s, seoul)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestTimeRange(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, since, until string }{
		// Elapsed time.
		{"15m", "20 14:15", "20 14:30"},
		{"15 m", "20 14:15", "20 14:30"},
		{"15min", "20 14:15", "20 14:30"},
		{"1h30m", "20 13:00", "20 14:30"},
		{"1h 30m", "20 13:00", "20 14:30"},
		{"1H", "20 13:30", "20 14:30"},
		{"1.5h", "20 13:00", "20 14:30"},
		{"7d", "13 14:30", "20 14:30"},
		{"1w", "13 14:30", "20 14:30"},
		{"24h", "19 14:30", "20 14:30"},
		{"90 minutes", "20 13:00", "20 14:30"},
		{"last_hour", "20 13:30", "20 14:30"},
		{"last_24h", "19 14:30", "20 14:30"},
		{"last_7d", "13 14:30", "20 14:30"},
		{"last hour", "20 13:30", "20 14:30"},
		{"Last Hour", "20 13:30", "20 14:30"},
		{"the last hour", "20 13:30", "20 14:30"},
		{"in the last hour", "20 13:30", "20 14:30"},
		{"over the past 30 minutes", "20 14:00", "20 14:30"},
		{"last 30 minutes", "20 14:00", "20 14:30"},
		{"last-30-minutes", "", ""},
		{"last two hours", "20 12:30", "20 14:30"},
		{"past minute", "20 14:29", "20 14:30"},
		{"last 1 hour and 30 minutes", "20 13:00", "20 14:30"},
		{"last 7 days", "13 14:30", "20 14:30"},
		{"last month and a half", "", ""},
		{"last 1 month", "10-20 14:30", "20 14:30"},
		{"지난 1시간", "20 13:30", "20 14:30"},
		{"지난1시간", "20 13:30", "20 14:30"},
		{"지난 1시간 동안", "20 13:30", "20 14:30"},
		{"지난 1시간동안", "20 13:30", "20 14:30"},
		{"지난 한 시간", "20 13:30", "20 14:30"},
		{"지난 두시간", "20 12:30", "20 14:30"},
		{"최근 30분", "20 14:00", "20 14:30"},
		{"최근 30분간", "20 14:00", "20 14:30"},
		{"최근 1시간 30분", "20 13:00", "20 14:30"},
		{"최근 24시간", "19 14:30", "20 14:30"},
		{"최근 3일", "17 14:30", "20 14:30"},
		{"최근 일주일", "13 14:30", "20 14:30"},
		{"지난 1주", "13 14:30", "20 14:30"},
		{"지난 하루", "19 14:30", "20 14:30"},
		{"최근 1개월", "10-20 14:30", "20 14:30"},
		{"30분", "20 14:00", "20 14:30"},
		{"30분 이내", "20 14:00", "20 14:30"},
		{"1시간 동안", "20 13:30", "20 14:30"},
		{"24시간 내", "19 14:30", "20 14:30"},

		// The calendar.
		{"today", "20 00:00", "20 14:30"},
		{"Today", "20 00:00", "20 14:30"},
		{"오늘", "20 00:00", "20 14:30"},
		{"금일", "20 00:00", "20 14:30"},
		{"yesterday", "19 00:00", "20 00:00"},
		{"어제", "19 00:00", "20 00:00"},
		{"전일", "19 00:00", "20 00:00"},
		{"previous day", "19 00:00", "20 00:00"},
		{"the day before yesterday", "18 00:00", "19 00:00"},
		{"그저께", "18 00:00", "19 00:00"},
		{"this week", "16 00:00", "20 14:30"},
		{"이번 주", "16 00:00", "20 14:30"},
		{"previous week", "09 00:00", "16 00:00"},
		{"지난주", "09 00:00", "16 00:00"},
		{"지난 주", "09 00:00", "16 00:00"},
		{"this month", "01 00:00", "20 14:30"},
		{"이번달", "01 00:00", "20 14:30"},
		{"지난달", "10-01 00:00", "01 00:00"},
		{"previous month", "10-01 00:00", "01 00:00"},
		{"2026-11-18", "18 00:00", "19 00:00"},
		{"on 2026-11-18", "18 00:00", "19 00:00"},
		{"2026/11/18", "18 00:00", "19 00:00"},
		{"2026.11.18", "18 00:00", "19 00:00"},
		{"2026년 11월 18일", "18 00:00", "19 00:00"},
		{"11월 18일", "18 00:00", "19 00:00"},
		{"Nov 18", "18 00:00", "19 00:00"},
		{"18 November 2026", "18 00:00", "19 00:00"},
		{"2026-11-20", "20 00:00", "20 14:30"},
		{"2026-11-17 to 2026-11-18", "17 00:00", "19 00:00"},
		{"11월 17일부터 11월 18일까지", "17 00:00", "19 00:00"},

		// Clock times.
		{"since 14:00", "20 14:00", "20 14:30"},
		{"since 2pm", "20 14:00", "20 14:30"},
		{"since 16:00", "19 16:00", "20 14:30"},
		{"since 14:30", "19 14:30", "20 14:30"},
		{"after 14:00", "20 14:00", "20 14:30"},
		{"from 14:00", "20 14:00", "20 14:30"},
		{"since noon", "20 12:00", "20 14:30"},
		{"정오부터", "20 12:00", "20 14:30"},
		{"since midnight", "20 00:00", "20 14:30"},
		{"since yesterday", "19 00:00", "20 14:30"},
		{"since yesterday 2pm", "19 14:00", "20 14:30"},
		{"since 2026-11-18", "18 00:00", "20 14:30"},
		{"after 2026-11-18", "19 00:00", "20 14:30"},
		{"since 2026-11-18 22:00", "18 22:00", "20 14:30"},
		{"since 2026-11-18T22:00:00+09:00", "18 22:00", "20 14:30"},
		{"since 2026-11-18T13:00:00Z", "18 22:00", "20 14:30"},
		{"since 2 hours ago", "20 12:30", "20 14:30"},
		{"2시간 전부터", "20 12:30", "20 14:30"},
		{"14:00-15:00", "20 14:00", "20 14:30"},
		{"13:00-14:00", "20 13:00", "20 14:00"},
		{"13:00 ~ 14:00", "20 13:00", "20 14:00"},
		{"13:00..14:00", "20 13:00", "20 14:00"},
		{"from 13:00 to 14:00", "20 13:00", "20 14:00"},
		{"between 13:00 and 14:00", "20 13:00", "20 14:00"},
		{"since 13:00 until 14:00", "20 13:00", "20 14:00"},
		{"13-14:30", "20 13:00", "20 14:30"},
		{"1-2pm", "20 13:00", "20 14:00"},
		{"1pm-2", "20 13:00", "20 14:00"},
		{"11-1pm", "20 11:00", "20 13:00"},
		{"22:00-02:00", "19 22:00", "20 02:00"},
		{"11pm-1", "19 23:00", "20 01:00"},
		{"2:30am to 3:15am", "20 02:30", "20 03:15"},
		{"yesterday 2-3pm", "19 14:00", "19 15:00"},
		{"yesterday 14:00-15:00", "19 14:00", "19 15:00"},
		{"2-3pm yesterday", "19 14:00", "19 15:00"},
		{"yesterday 22:00-24:00", "19 22:00", "20 00:00"},
		{"yesterday 22:00-02:00", "19 22:00", "20 02:00"},
		{"today until 10:00", "20 00:00", "20 10:00"},
		{"yesterday 2pm to today 9am", "19 14:00", "20 09:00"},
		{"30m until 14:00", "", ""},
		{"last 30 minutes until 14:00", "20 13:30", "20 14:00"},
		{"어제 오후 2시부터", "19 14:00", "20 14:30"},
		{"어제 오후 2시부터 3시까지", "19 14:00", "19 15:00"},
		{"어제 오후 2시~3시", "19 14:00", "19 15:00"},
		{"어제 오후 2시에서 3시 사이", "19 14:00", "19 15:00"},
		{"어제 오후 2시 30분부터 오늘 오전 9시까지", "19 14:30", "20 09:00"},
		{"오전 11시부터 1시까지", "20 11:00", "20 13:00"},
		{"어제 14시~15시 반", "19 14:00", "19 15:30"},
		{"오후 2시 이후", "20 14:00", "20 14:30"},
		{"새벽 3시부터 아침 9시까지", "20 03:00", "20 09:00"},
		{"어제부터", "19 00:00", "20 14:30"},
		{"09시부터 12시까지", "20 09:00", "20 12:00"},
		{"어제 14시~3시", "19 14:00", "20 03:00"},
		{"14:00-15", "20 14:00", "20 14:30"},
		{"어제부터 3시까지", "", ""},
		{"오늘 하루 동안", "20 00:00", "20 14:30"},
		{"1시간 전부터 지금까지", "20 13:30", "20 14:30"},
		{"5-10", "", ""},
		{"14-15", "", ""},
		{"어제까지 2시간 전부터", "", ""},
		{"오늘 오전 10시까지", "", ""},

		// Refused.
		{"forever", "", ""},
		{",", "", ""},
		{"today,", "20 00:00", "20 14:30"},
		{"1 fortnight", "", ""},
		{"15M", "", ""},
		{"15", "", ""},
		{"-15m", "", ""},
		{"0m", "", ""},
		{"30m1h", "", ""},
		{"1h1h", "", ""},
		{"1d foo", "", ""},
		{"99999999999999999999d", "", ""},
		{"11y", "", ""},
		{"9999999999h", "", ""},
		{"last day", "", ""},
		{"last week", "", ""},
		{"last month", "", ""},
		{"14:00", "", ""},
		{"yesterday 14:00", "", ""},
		{"now", "", ""},
		{"until 14:00", "", ""},
		{"since 25:00", "", ""},
		{"since 24:30", "", ""},
		{"yesterday since 24:00", "", ""},
		{"yesterday to 10", "", ""},
		{"14:00-25:00", "", ""},
		{"13:60-14:00", "", ""},
		{"since 13pm", "", ""},
		{"since 0pm", "", ""},
		{"since 2", "", ""},
		{"2시부터", "", ""},
		{"2시부터 3시까지", "", ""},
		{"14:00-14:00", "", ""},
		{"2026-02-30", "", ""},
		{"2026-13-01", "", ""},
		{"1960-01-01", "", ""},
		{"2009-01-01", "", ""},
		{"2026-12-01", "", ""},
		{"today since 16:00", "", ""},
		{"since 2026-11-20T16:00:00+09:00", "", ""},
		{"today yesterday", "", ""},
		{"last hour since 14:00", "", ""},
		{"yesterday last hour", "", ""},
		{"from yesterday", "", ""},
		{"this week 2-3pm", "", ""},
		{"오후 14시부터", "", ""},
		{"어제 오후", "", ""},
		{"\x00", "", ""},
		{"\xff\xfe", "", ""},
		{strings.Repeat("1h ", 200), "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			t.Parallel()
			r, ok, err := when.Resolve(when.Args{TimeRange: tt.text}, now, seoul)
			if tt.since == "" {
				e, is := errors.AsType[*when.Error](err)
				if !is {
					t.Fatalf("got %v, %v; want a refusal", r, err)
				}
				if e.Text == "" || e.Reason == "" {
					t.Fatalf("refusal without words or reason: %#v", e)
				}
				t.Log(err)
				return
			}
			if err != nil || !ok {
				t.Fatal(err)
			}
			if want := at(t, tt.since); !r.Since.Equal(want) {
				t.Errorf("since %v, want %v", r.Since, want)
			}
			if want := at(t, tt.until); !r.Until.Equal(want) {
				t.Errorf("until %v, want %v", r.Until, want)
			}
		})
	}
}

func TestSinceUntil(t *testing.T) {
	t.Parallel()
	tests := []struct {
		args         when.Args
		since, until string
		says         string // a part of the echo or of the refusal
	}{
		{when.Args{Since: "14:00"}, "20 14:00", "20 14:30", "(since 14:00)"},
		{when.Args{Since: "13:00", Until: "14:00"}, "20 13:00", "20 14:00", "(since 13:00 until 14:00)"},
		{when.Args{Since: "2pm"}, "20 14:00", "20 14:30", "(since 2pm)"},
		{when.Args{Since: "오후 2시"}, "20 14:00", "20 14:30", "(since 오후 2시)"},
		{when.Args{Since: "16:00"}, "19 16:00", "20 14:30", "16:00 of today is still to come, so that of yesterday is meant"},
		{when.Args{Since: "14:00", Until: "16:00"}, "20 14:00", "20 14:30", "16:00 is still to come, so the range ends now"},
		{when.Args{Since: "2026-11-18"}, "18 00:00", "20 14:30", "(since 2026-11-18)"},
		{when.Args{Since: "2026-11-18", Until: "2026-11-19"}, "18 00:00", "20 00:00", "until 2026-11-19"},
		{when.Args{Since: "2026-11-18", Until: "2026-11-20"}, "18 00:00", "20 14:30", "(since 2026-11-18 until 2026-11-20)"},
		{when.Args{Since: "2026-11-18", Until: "2026-11-25"}, "18 00:00", "20 14:30", "2026-11-25 is still to come, so the range ends now"},
		{when.Args{Since: "어제", Until: "오늘"}, "19 00:00", "20 14:30", "(since 어제 until 오늘)"},
		{when.Args{Since: "2026-11-18 22:00", Until: "2026-11-19 01:00"}, "18 22:00", "19 01:00", ""},
		{when.Args{Since: "2026-11-18 10:15pm"}, "18 22:15", "20 14:30", ""},
		{when.Args{Since: "2026-11-18 오후 10시"}, "18 22:00", "20 14:30", ""},
		{when.Args{Since: "2026-11-18T13:00:00Z"}, "18 22:00", "20 14:30", ""},
		{when.Args{Since: "2026-11-18t22:00:00+0900"}, "18 22:00", "20 14:30", ""},
		{when.Args{Since: "2026-11-18T22:00"}, "18 22:00", "20 14:30", ""},
		{when.Args{Since: "yesterday 2pm", Until: "now"}, "19 14:00", "20 14:30", ""},
		{when.Args{Since: "30m"}, "20 14:00", "20 14:30", "(since 30m ago)"},
		{when.Args{Since: "2 hours ago", Until: "1 hour ago"}, "20 12:30", "20 13:30", ""},
		{when.Args{Since: "2시간 전"}, "20 12:30", "20 14:30", ""},
		{when.Args{TimeRange: "1h", Until: "14:00"}, "20 13:00", "20 14:00", ""},
		{when.Args{TimeRange: "yesterday", Since: "14:00"}, "19 14:00", "20 00:00", ""},
		{when.Args{TimeRange: "yesterday", Since: "14:00", Until: "15:00"}, "19 14:00", "19 15:00", ""},

		{when.Args{Until: "14:00"}, "", "", "has an end and no beginning"},
		{when.Args{Since: "14:00", Until: "13:00", TimeRange: "1h"}, "", "", "two different times"},
		{when.Args{Since: "2026-11-19", Until: "2026-11-18"}, "", "", "is not before the end"},
		{when.Args{Since: "soon"}, "", "", `since "soon": is not understood; say RFC 3339`},
		{when.Args{Since: "13:00", Until: "soon"}, "", "", `until "soon"`},
		{when.Args{Since: "2026-11-18T25:00:00Z"}, "", "", "no such time of day"},
		{when.Args{Since: "2026-11-31"}, "", "", "no such day"},
		{when.Args{Since: "2026-11-18T22:00:00.5"}, "", "", "need an offset"},
		{when.Args{Since: "2026-12-01"}, "", "", "lies in the future"},
		{when.Args{Since: "2010-01-01"}, "", "", "more than 10 years ago"},
		{when.Args{Since: strings.Repeat("9", 10_000)}, "", "", "…"},
	}
	for _, tt := range tests {
		t.Run(tt.args.TimeRange+"/"+tt.args.Since+"/"+tt.args.Until, func(t *testing.T) {
			t.Parallel()
			r, _, err := when.Resolve(tt.args, now, seoul)
			if tt.since == "" {
				if err == nil || !strings.Contains(err.Error(), tt.says) || len(err.Error()) > 600 {
					t.Fatalf("got %v, %v; want a refusal that says %q", r, err, tt.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !r.Since.Equal(at(t, tt.since)) || !r.Until.Equal(at(t, tt.until)) || !strings.Contains(r.String(), tt.says) {
				t.Errorf("got %v, want %s .. %s %s", r, tt.since, tt.until, tt.says)
			}
		})
	}
}

// Each of these days lacks an hour, has one twice, or lacks its midnight.
func TestClockChanges(t *testing.T) {
	t.Parallel()
	tests := []struct {
		zone, now, text, want string
	}{
		{"Europe/Berlin", "2026-03-29T12:00:00+02:00", "since 02:30",
			"2026-03-29T03:00:00+02:00 .. 2026-03-29T12:00:00+02:00 (since 02:30; 02:30 does not exist on 2026-03-29 in Europe/Berlin, where the clocks go forward; 2026-03-29T03:00:00+02:00 is taken)"},
		{"Europe/Berlin", "2026-10-25T12:00:00+01:00", "since 02:30",
			"2026-10-25T02:30:00+02:00 .. 2026-10-25T12:00:00+01:00 (since 02:30; 02:30 comes twice on 2026-10-25 in Europe/Berlin; the first, 2026-10-25T02:30:00+02:00, is taken)"},
		{"Europe/Berlin", "2026-10-25T12:00:00+01:00", "01:00-02:30",
			"2026-10-25T01:00:00+02:00 .. 2026-10-25T02:30:00+01:00 (01:00-02:30; 02:30 comes twice on 2026-10-25 in Europe/Berlin; the second, 2026-10-25T02:30:00+01:00, is taken)"},
		{"Europe/Berlin", "2026-10-26T12:00:00+01:00", "yesterday",
			"2026-10-25T00:00:00+02:00 .. 2026-10-26T00:00:00+01:00 (yesterday)"},
		{"Europe/Berlin", "2026-03-30T12:00:00+02:00", "어제",
			"2026-03-29T00:00:00+01:00 .. 2026-03-30T00:00:00+02:00 (어제)"},
		{"Europe/Berlin", "2026-10-25T12:00:00+01:00", "last 24h",
			"2026-10-24T13:00:00+02:00 .. 2026-10-25T12:00:00+01:00 (last 24h)"},
		{"America/Havana", "2026-03-08T09:00:00-04:00", "today",
			"2026-03-08T01:00:00-04:00 .. 2026-03-08T09:00:00-04:00 (today)"},
		{"America/Havana", "2026-11-01T09:00:00-05:00", "today",
			"2026-11-01T00:00:00-04:00 .. 2026-11-01T09:00:00-05:00 (today)"},
		{"Australia/Lord_Howe", "2026-04-05T12:00:00+10:30", "since 01:45",
			"2026-04-05T01:45:00+11:00 .. 2026-04-05T12:00:00+10:30 (since 01:45; 01:45 comes twice on 2026-04-05 in Australia/Lord_Howe; the first, 2026-04-05T01:45:00+11:00, is taken)"},
		{"UTC", "2026-11-20T14:00:00Z", "last hour",
			"2026-11-20T13:00:00+00:00 .. 2026-11-20T14:00:00+00:00 (last hour)"},
		{"Asia/Kathmandu", "2026-11-20T14:00:00+05:45", "last hour",
			"2026-11-20T13:00:00+05:45 .. 2026-11-20T14:00:00+05:45 (last hour)"},
		// The first instant of a day is not an empty range.
		{"Asia/Seoul", "2026-11-20T00:00:00+09:00", "today",
			"2026-11-20T00:00:00+09:00 .. 2026-11-20T00:00:01+09:00 (today)"},
		// What was written within this second belongs to a range up to now.
		{"Asia/Seoul", "2026-11-20T13:59:59.2+09:00", "last hour",
			"2026-11-20T13:00:00+09:00 .. 2026-11-20T14:00:00+09:00 (last hour)"},
		// The database's clock may come in another zone than the one asked for.
		{"Asia/Seoul", "2026-11-20T05:30:00Z", "today",
			"2026-11-20T00:00:00+09:00 .. 2026-11-20T14:30:00+09:00 (today)"},
		{"Asia/Seoul", "2026-03-31T05:30:00Z", "last 1 month",
			"2026-02-28T14:30:00+09:00 .. 2026-03-31T14:30:00+09:00 (last 1 month)"},
		{"Asia/Seoul", "2026-01-02T05:30:00Z", "12월 31일",
			"2025-12-31T00:00:00+09:00 .. 2026-01-01T00:00:00+09:00 (12월 31일)"},
		{"Asia/Seoul", "2026-01-02T05:30:00Z", "Feb 29",
			"2024-02-29T00:00:00+09:00 .. 2024-03-01T00:00:00+09:00 (Feb 29)"},
	}
	for _, tt := range tests {
		t.Run(tt.zone+" "+tt.text, func(t *testing.T) {
			t.Parallel()
			n, err := time.Parse(time.RFC3339Nano, tt.now)
			if err != nil {
				t.Fatal(err)
			}
			r, _, err := when.Resolve(when.Args{TimeRange: tt.text}, n, zone(tt.zone))
			if err != nil {
				t.Fatal(err)
			}
			if r.String() != tt.want || r.Zone != tt.zone {
				t.Errorf("got  %s in %s\nwant %s", r, r.Zone, tt.want)
			}
		})
	}
}

// Samoa went from 29 to 31 December 2011 over the date line.
func TestDayThatNeverWas(t *testing.T) {
	t.Parallel()
	apia := zone("Pacific/Apia")
	_, _, err := when.Resolve(when.Args{TimeRange: "yesterday"}, time.Date(2011, 12, 31, 12, 0, 0, 0, apia), apia)
	if err == nil || !strings.Contains(err.Error(), "not before the end") {
		t.Fatalf("got %v, want a refusal", err)
	}
}

func TestParseWithoutAClock(t *testing.T) {
	t.Parallel()
	none, err := when.Parse(when.Args{})
	if err != nil || !none.IsZero() || none.IsAll() {
		t.Errorf("no words: %#v, %v", none, err)
	}
	for _, text := range []string{"all", "ALL", "all time", "전체", "전체 기간"} {
		all, err := when.Parse(when.Args{TimeRange: text})
		if err != nil || all.IsZero() || !all.IsAll() {
			t.Errorf("%q: %#v, %v", text, all, err)
		}
		r, err := all.At(now, seoul)
		if err != nil || r.Bounded() || r.Duration() != 0 || r.String() != "all time" {
			t.Errorf("%q: %v, %v", text, r, err)
		}
	}
	spec, err := when.Parse(when.Args{TimeRange: " last   hour "})
	if err != nil || spec.String() != "last hour" || spec.IsZero() {
		t.Errorf("got %q, %v", spec, err)
	}
	if _, err := spec.At(time.Time{}, seoul); err == nil {
		t.Error("resolved without a clock")
	}
	if _, err := spec.At(now, nil); err == nil {
		t.Error("resolved without a zone")
	}
}

func TestMoment(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, want string }{
		{"14:00", "20 14:00"}, {"2pm", "20 14:00"}, {"오후 2시", "20 14:00"}, {"16:00", "19 16:00"},
		{"yesterday 2pm", "19 14:00"}, {"어제 오후 2시", "19 14:00"}, {"30m ago", "20 14:00"}, {"30m", "20 14:00"},
		{"2026-11-18T13:00:00Z", "18 22:00"}, {"2026-11-18", "18 00:00"}, {"now", "20 14:30"},
		{"2시", ""}, {"last hour", ""}, {"", ""}, {"2026-12-01", ""},
	}
	for _, tt := range tests {
		m, err := when.ParseMoment(tt.text)
		var got time.Time
		if err == nil {
			got, _, err = m.At(now, seoul)
		}
		switch {
		case tt.want == "" && err == nil:
			t.Errorf("%q: got %v, want a refusal", tt.text, got)
		case tt.want != "" && (err != nil || !got.Equal(at(t, tt.want))):
			t.Errorf("%q: got %v, %v, want %s", tt.text, got, err, tt.want)
		}
	}
}

// Match takes the phrase and leaves the rest of the sentence.
func TestMatch(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, takes string }{
		{"last hour failed", "last hour"},
		{"last 10 payments", ""},
		{"over the last hour for merchant 7", "over the last hour"},
		{"over 10,000 KRW", ""},
		{"between 1,000 and 2,000", ""},
		{"between 10 and 20", ""},
		{"from 10 to 99", ""},
		{"from merchant 7", ""},
		{"after refund", ""},
		{"for merchant 7", ""},
		{"1-2k", ""},
		{"10,000", ""},
		{"1.5M KRW", ""},
		{"yesterday 2-3pm over", "yesterday 2-3pm"},
		{"yesterday, failed", "yesterday"},
		{"지난 1시간 동안 실패한 결제", "지난 1시간 동안"},
		{"오늘 가맹점", "오늘"},
		{"오늘의 환불", "오늘의"},
		{"오늘 내역", "오늘"},
		{"오늘 10건", "오늘"},
		{"오후 2시부터 10건", "오후 2시부터"},
		{"어제 오후 2시부터 실패", "어제 오후 2시부터"},
		{"어제부터 10 실패", "어제부터"},
		{"yesterday to 10", "yesterday"},
		{"todays", ""},
		{"lasthour", ""},
		{"m", ""},
		{"", ""},
	}
	for _, tt := range tests {
		p, n, err := when.Match(tt.text)
		if err != nil || tt.text[:n] != tt.takes {
			t.Errorf("%q: took %q (%v, %v), want %q", tt.text, tt.text[:n], p, err, tt.takes)
		}
	}
	for _, text := range []string{"30 minutes", "15m failed", "for 2 hours", "1시간 동안", "last week", "since merchant", "at 14:00", "오후 2시 실패"} {
		if p, _, err := when.Match(text); err == nil {
			t.Errorf("%q: took %v, want a refusal", text, p)
		}
	}
}

func FuzzResolve(f *testing.F) {
	for _, s := range []string{"15m", "last_24h", "지난 1시간 동안", "yesterday 2-3pm", "since 14:00", "어제 오후 2시부터 3시까지",
		"2026-11-18T13:00:00Z", "between 1 and 2pm", "2026년 11월 18일", "Feb 29", "99999999999d", "24:00-24:00", "last 1 month until 02:30", "\u202e", "오전 12시"} {
		f.Add(s, s, s, int64(1763_000_000))
		f.Add(s, "", "", int64(1774_747_800)) // a clock change in Berlin
		f.Add("", s, "", int64(0))
		f.Add("", "1d ago", s, int64(-62_135_596_799))
	}
	zones := []*time.Location{time.UTC, seoul, zone("Europe/Berlin"), zone("America/Havana"), zone("Pacific/Apia"), zone("Australia/Lord_Howe")}
	f.Fuzz(func(t *testing.T, timeRange, since, until string, unix int64) {
		n := time.Unix(unix%4_000_000_000, unix%1_000_000_000)
		for _, loc := range zones {
			r, ok, err := when.Resolve(when.Args{TimeRange: timeRange, Since: since, Until: until}, n, loc)
			if err != nil {
				if len(err.Error()) > 2000 {
					t.Errorf("a refusal of %d bytes", len(err.Error()))
				}
				continue
			}
			if !ok {
				if strings.TrimSpace(timeRange+since+until) != "" {
					t.Errorf("%q %q %q were dropped", timeRange, since, until)
				}
				continue
			}
			if r.Bounded() && (!r.Since.Before(r.Until) || r.Since.Before(n.AddDate(-when.MaxYears, 0, -2)) || r.Until.After(n.Add(2*time.Second))) {
				t.Errorf("%q %q %q: %v at %v", timeRange, since, until, r, n)
			}
		}
	})
}
