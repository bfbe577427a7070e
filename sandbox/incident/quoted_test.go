package incident

import "testing"

func TestQuoted(t *testing.T) {
	for _, c := range []struct {
		text, q string
		want    bool
	}{
		{"17 payments", "17", true},
		{"payments: 17.", "17", true},
		{"(17/20)", "17", true},
		{"count=17", "17", true},
		{"1,717 payments", "1717", true},
		{"1,717 payments", "717", true}, // a list of numbers may be written so
		{"ids 3,17,20", "17", true},
		{"KRW 1,717.00", "1717", true},
		{"17%", "17", true},
		{"partition payment.captured/17", "17", true},
		{"ids 12-17", "17", true},
		{"at 2026-11-23T03:17:05Z", "17", false},
		{"at 2026-11-23T17:03:05Z", "17", false},
		{"at 2026-11-17 03:05:00", "17", false},
		{"at 2026-11-17 03:05:00", "11", false},
		{"at 03:05:17", "17", false},
		{"at 03:05:17.250", "250", false},
		{"at 17:05", "17", false},
		{"at 2026-11-23T03:05:00+09:00", "09", false},
		{"0.17/s", "17", false},
		{"17.5 a minute", "17", false},
		{"1,717.50", "717", false},
		{"127.0.0.1:6379", "6379", false},
		{"version 11.8.17", "17", false},
		{"170 payments", "17", false},
		{"17s ago", "17", false},
		{"0.17/s, 17 payments", "17", true},
		{"lock_until 2026-11-23T03:17:05Z", "2026-11-23T03:17:05Z", true},
		{"at 127.0.0.1:6379: refused", "127.0.0.1:6379", true},
		{"+17 in 15m", "+17", true},
	} {
		if got := quoted([]Said{{Text: c.text}}, c.q); got != c.want {
			t.Errorf("%q quotes %s: %v, want %v", c.text, c.q, got, c.want)
		}
	}
}
