package foreign

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestClean(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"plain":            {"MERCHANT-8", "MERCHANT-8"},
		"korean":           {"환불 요청", "환불 요청"},
		"terminal escape":  {"a\x1b[2Jb", `a\u001b[2Jb`},
		"line breaks":      {"a\r\nb\tc", `a\u000d\nb\tc`},
		"bidi override":    {"a\u202eb", `a\u202eb`},
		"zero width":       {"a\u200bb", `a\u200bb`},
		"line separator":   {"a\u2028b", `a\u2028b`},
		"tag characters":   {"a\U000e0041b", `a\ue0041b`},
		"hidden selectors": {"a\U000e0131b", `a\ue0131b`},
		"hangul filler":    {"a\u3164b", `a\u3164b`},
		"invalid utf-8":    {"a\xffb", `a\xffb`},
		"card":             {"card 4111111111111111 ok", "card ****1111 ok"},
		"spaced card":      {"4111 1111 1111 1111", "****1111"},
		"dashed card":      {"pan=5500-0000-0000-0004.", "pan=****0004."},
		"full-width card":  {"４１１１１１１１１１１１１１１１", "****1111"},
		"not luhn":         {"4111111111111112", "4111111111111112"},
		"twenty digits":    {"41111111111111111111", "41111111111111111111"},
		"epoch ms":         {"1732104000008", "1732104000008"},
		"two cards":        {"4111111111111111,5500000000000004", "****1111,****0004"},
		"number before":    {"12 4111111111111111", "12 ****1111"},
		"number behind":    {"4111111111111111 10000", "****1111 10000"},
		"card in json":     {`{"pan":"378282246310005"}`, `{"pan":"****0005"}`},
		"html is kept raw": {"<b>&</b>", "<b>&</b>"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Clean(c.in, MaxText); got != c.want {
				t.Errorf("Clean(%q) = %q, want %q", c.in, got, c.want)
			}
		})
	}
}

func TestCleanCapsAndTellsTheLength(t *testing.T) {
	got := Clean(strings.Repeat("x", 10<<20), 20)
	if want := strings.Repeat("x", 20) + "… (10485760 bytes in all)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Masking may shrink the head that is looked at below the limit: that it was cut
// must be told all the same.
func TestLengthIsToldWhenMaskingShrinksTheText(t *testing.T) {
	card := "6 0 0 2 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0" // 19 digits
	if MaskCards(card) != "****0000" {
		t.Fatalf("%s is no card number", card)
	}
	s := strings.Repeat(card+",", 1000)
	if got := Clean(s, 2000); !strings.HasSuffix(got, fmt.Sprintf("… (%d bytes in all)", len(s))) {
		t.Errorf("got %q", got)
	}
}

func TestCardAtTheCutIsMasked(t *testing.T) {
	s := strings.Repeat("a", 15) + "4111111111111111" + strings.Repeat("b", 50)
	if got := Clean(s, 20); strings.Contains(got, "41111") {
		t.Errorf("card digits left in %q", got)
	}
}

func TestTextIsCleanInBothForms(t *testing.T) {
	v := Text("<x> \x1b 4111111111111111")
	js, err := json.Marshal(map[string]Text{"v": v})
	if err != nil {
		t.Fatal(err)
	}
	var back map[string]string
	if err := json.Unmarshal(js, &back); err != nil {
		t.Fatal(err)
	}
	want := `<x> \u001b ****1111`
	if back["v"] != want {
		t.Errorf("json carries %q, want %q", back["v"], want)
	}
	if got := v.Quoted(); got != `"<x> \\u001b ****1111"` {
		t.Errorf("quoted is %s", got)
	}
}

func FuzzClean(f *testing.F) {
	f.Add("4111 1111 1111 1111\x1b\u202e", 10)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		if limit < 1 || limit > 1000 {
			return
		}
		got := Clean(s, limit)
		if strings.ContainsAny(got, "\x1b\n\r\u202e\u2028") {
			t.Errorf("Clean(%q) let a control character through: %q", s, got)
		}
		if len(got) > limit*12+64 {
			t.Errorf("Clean(%q, %d) is %d bytes", s, limit, len(got))
		}
	})
}
