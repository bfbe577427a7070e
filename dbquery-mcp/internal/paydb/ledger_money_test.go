package paydb

import (
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"
)

func TestMoneyIsReadExactly(t *testing.T) {
	for text, want := range map[string]Money{
		"0": {}, "1000": {Whole: 1000}, "1000.00": {Whole: 1000}, "-5.25": {-5, -250_000_000}, "0.5": {0, 500_000_000}, "-0.5": {0, -500_000_000},
		"12.345678901": {12, 345_678_901}, "12.3456789010": {12, 345_678_901}, "9223372036854775807": {Whole: math.MaxInt64}, "-9223372036854775808": {Whole: math.MinInt64},
	} {
		if got, ok := parseMoney([]byte(text)); !ok || got != want {
			t.Errorf("%s is read as %v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "-", ".5", "1.2.3", "1e3", "NaN", "9223372036854775808", "1.0000000001", " 1", "1,000"} {
		if got, ok := parseMoney([]byte(text)); ok {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}

func TestMoneyIsAddedExactly(t *testing.T) {
	for _, x := range []struct{ a, b, sum, difference string }{
		{"1.75", "0.5", "2.25", "1.25"},
		{"-1.25", "3", "1.75", "-4.25"},
		{"1", "-1.5", "-0.5", "2.5"},
		{"0", "-0.000000001", "-0.000000001", "0.000000001"},
	} {
		a, _ := parseMoney([]byte(x.a))
		b, _ := parseMoney([]byte(x.b))
		if got := a.Plus(b).String(); got != x.sum {
			t.Errorf("%s + %s is %s, want %s", x.a, x.b, got, x.sum)
		}
		if got := a.Minus(b).String(); got != x.difference {
			t.Errorf("%s - %s is %s, want %s", x.a, x.b, got, x.difference)
		}
	}
	most := Money{Whole: math.MaxInt64}
	if got := most.Plus(most); got != most {
		t.Errorf("too much is %v", got)
	}
}

// However many amounts are added, and however large they are, the sum is exact.
func TestAmountsAddUpExactly(t *testing.T) {
	var sum, other Amounts
	want := new(big.Int)
	for i := range 50 {
		n := int64(math.MaxInt64) - int64(i)
		sum.Add(Money{Whole: n})
		want.Add(want, big.NewInt(n))
		other.Add(Money{Whole: int64(i)})
		want.Add(want, big.NewInt(int64(i)))
	}
	sum.Join(other)
	if sum.Count != 100 || sum.String() != want.String() {
		t.Errorf("%d amounts come to %s, want 100 and %s", sum.Count, sum.String(), want)
	}
}

func FuzzMoney(f *testing.F) {
	for _, text := range []string{"1000", "-12.5", "0.000000001", "9223372036854775807", "1e9", "--1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, ok := parseMoney([]byte(text))
		if !ok {
			return
		}
		want, ok := new(big.Rat).SetString(text)
		if got, _ := new(big.Rat).SetString(m.String()); !ok || got == nil || got.Cmp(want) != 0 {
			t.Errorf("%q is read as %s", text, m)
		}
		if again, ok := parseMoney([]byte(m.String())); !ok || again != m {
			t.Errorf("%q is written as %s and read as %v", text, m, again)
		}
		if strings.HasSuffix(fmt.Sprint(m), ".") {
			t.Errorf("%q is written as %s", text, m)
		}
	})
}
