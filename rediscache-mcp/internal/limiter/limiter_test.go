package limiter

import (
	"testing"
	"time"
)

func TestCount(t *testing.T) {
	for value, want := range map[string]int64{"0": 0, "1": 1, "24731": 24731, "-5": -5, "9223372036854775806": 9223372036854775806} {
		if got, ok := Count(value); !ok || got != want {
			t.Errorf("Count(%q) = %d, %v", value, got, ok)
		}
	}
	for _, value := range []string{"", "abc", "1.5", "1e3", "+1", " 1", "1 ", "007", "-0", "--1", "0x10", "9223372036854775807", "9223372036854775808", "99999999999999999999", "1\x00"} {
		if got, ok := Count(value); ok {
			t.Errorf("Count(%q) = %d, INCR would refuse it", value, got)
		}
	}
}

func TestBlocksAsTheLimiterDoes(t *testing.T) {
	l := Limit{Capacity: 100, Window: time.Minute}
	if l.Blocks(100) || !l.Blocks(101) {
		t.Error("a request is refused when the count is above the capacity, not at it")
	}
}

func TestPercentIsHundredOnlyAtTheLimit(t *testing.T) {
	l := Limit{Capacity: 24000}
	for count, want := range map[int64]float64{0: 0, 6000: 25, 22100: 92, 23999: 99.9, 24000: 100, 24001: 100.1, 24731: 103.1, -3: -0.1} {
		if got := l.Percent(count); got != want {
			t.Errorf("Percent(%d) = %v, want %v", count, got, want)
		}
	}
}

func TestOffAndFrom(t *testing.T) {
	for _, l := range []Limit{{Capacity: 0, Window: time.Second}, {Capacity: 5}, {Capacity: -1, Window: time.Second}} {
		if !l.Off() {
			t.Errorf("%+v: ingest does not limit", l)
		}
	}
	for want, l := range map[string]Limit{
		"set":                          {CapacitySet: true, WindowSet: true},
		"assumed":                      {},
		"capacity set, window assumed": {CapacitySet: true},
		"capacity assumed, window set": {WindowSet: true},
	} {
		if got := l.From(); got != want {
			t.Errorf("From() = %q, want %q", got, want)
		}
	}
}
