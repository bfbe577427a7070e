package foreign

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
)

// However a card number is written, only its last four digits are left.
func TestCardsInEveryDress(t *testing.T) {
	for _, card := range []string{"4111111111111111", "5500000000000004", "378282246310005", "30569309025904", "6011000990139424", "6002000000000000000"} {
		for _, sep := range []string{"", " ", "-", ".", "_", "/", "  ", "- ", ". ", "\u00a0", "\u202f", "\u2010", "\u2011", "\u2012", "\u2013", "\u2014", "\u2015", "\u2212", "\uff0d"} {
			for zero := range map[rune]bool{'0': true, '\u0660': true, '\u06f0': true, '\u0966': true, '\u0e50': true, '\uff10': true, '\U0001d7ce': true, '\U0001d7d8': true} {
				written := written(card, sep, zero)
				if got := MaskCards("pan " + written + ", ok"); got != "pan ****"+card[len(card)-4:]+", ok" {
					t.Errorf("%q is shown as %q", written, got)
				}
			}
		}
	}
}

// written is a card number in the groups that are printed on it, with the digits of a
// script.
func written(card, sep string, zero rune) string {
	groups := []int{4, 4, 4, 4, 4}
	if n := len(card); n == 14 || n == 15 {
		groups = []int{4, 6, 5}
	}
	var parts []string
	for _, n := range groups {
		n = min(n, len(card))
		parts, card = append(parts, card[:n]), card[n:]
	}
	text := strings.TrimRight(strings.Join(parts, sep), sep)
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return zero + r - '0'
		}
		return r
	}, text)
}

// What is no card number comes out as it went in.
func TestNoCards(t *testing.T) {
	for _, s := range []string{
		"2026-11-20 14:03:05.123456", "2026-11-20T14:03:05.123456789Z", "2026/11/20 14:03:05", "2026.11.20 14.03.05.123", "20.11.2026 14:03", "20261120_140305.485", "2026/11/20/14/03/05",
		"10.0.0.12:3306", "192.168.100.200:54321", "203.0.113.77/32", "2001:db8:4860:4860::8888", "10.11.14-MariaDB-0+deb12u2", "v2.14.0_20261120.1403",
		"550e8400-e29b-41d4-a716-446655440000", "f47ac10b-58cc-4372-a567-0e02b2c3d479", "order-20251120-7", "ORD_2026_000123_45",
		"offsets 4111, 1111, 1111, 1111", "[5006,1264,3248,5]", "payment ids 4700011 .. 4800022", "500612 - 643248", "5006126432.485", "50061264.32485 KRW", "12.345.678.901.234,50",
		"5,006,126,432,485", "KRW 5,006,126,432,485.50", "3.14159265358979", "4111.1111.1111", "4111_1111", "4111/1111/1111/1112", "4111...1111...1111...1111", "41/11 11/11 11/11 11/11",
		"lag 5300/5301/53", "00:00:5e:00:53:01", "sha 40bd001563085fc35165329ea1ff5c5ecbdbbeef", "1732104000008", "p50 12.5 p95 250.75 p99 1000.125",
	} {
		if got := MaskCards(s); got != s {
			t.Errorf("%q is shown as %q", s, got)
		}
	}
}

// Numbers in groups that no card has, with other separators than single spaces and
// dashes, are left alone, whatever their digits.
func TestGroupsThatNoCardHas(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	seps := []string{".", "_", "/", ", ", "  ", ":", "\u2013", "\u00a0"}
	for range 20_000 {
		var b strings.Builder
		for i := range 2 + r.IntN(6) {
			if i > 0 {
				b.WriteString(seps[r.IntN(len(seps))])
			}
			n := []int{1, 2, 3, 5, 6, 7, 8, 10, 12}[r.IntN(9)]
			for range n {
				b.WriteString(strconv.Itoa(r.IntN(10)))
			}
		}
		if got := MaskCards(b.String()); got != b.String() {
			t.Fatalf("%q is shown as %q", b.String(), got)
		}
	}
}

// The digits of each script are ten that stand together.
func TestDigitsOfEveryScript(t *testing.T) {
	for _, x := range unicode.Nd.R16 {
		if x.Stride != 1 || (x.Hi-x.Lo+1)%10 != 0 {
			t.Errorf("%U .. %U by %d", x.Lo, x.Hi, x.Stride)
		}
	}
	for _, x := range unicode.Nd.R32 {
		if x.Stride != 1 || (x.Hi-x.Lo+1)%10 != 0 {
			t.Errorf("%U .. %U by %d", x.Lo, x.Hi, x.Stride)
		}
	}
}

// Looking for cards takes time in proportion to the text, however many digits and
// separators it has.
func TestMaskingIsLinear(t *testing.T) {
	for _, piece := range []string{"4111 ", "4.", "41111111111111111111", "4111/1111/", "\u0664\u2013", "  "} {
		began := time.Now()
		MaskCards(strings.Repeat(piece, 1<<20/len(piece)))
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%q: %s for 1 MB", piece, took)
		}
	}
}

func FuzzMaskCards(f *testing.F) {
	for _, s := range []string{"4111.1111.1111.1111", "\u0664\u0661 1", "2026-11-20 14:03:05.123456", "6 0 0 2 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once := MaskCards(s)
		if len([]rune(once)) > len([]rune(s)) {
			t.Errorf("%q grew to %q", s, once)
		}
		if masked := once != s; masked && !strings.Contains(once, "****") && strings.ToValidUTF8(s, "\ufffd") == s {
			t.Errorf("%q became %q", s, once)
		}
		for _, group := range strings.FieldsFunc(once, func(r rune) bool { return digit(r) < 0 }) {
			var digits []byte
			for _, r := range group {
				digits = append(digits, '0'+byte(digit(r)))
			}
			if isCard(digits) {
				t.Errorf("%q leaves %q", s, group)
			}
		}
	})
}
