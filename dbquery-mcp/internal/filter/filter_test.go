package filter_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"payops-mcp/dbquery-mcp/internal/filter"
	"payops-mcp/shared/when"
)

// covered asserts that no part of the text was passed over: the spans lie in
// order, without overlap, and between them is only white space and the
// punctuation that ends words.
func covered(t *testing.T, text string, q filter.Query) {
	t.Helper()
	at := 0
	gap := func(s string) {
		for _, r := range s {
			if !unicode.IsSpace(r) && !strings.ContainsRune(",.!?、。", r) {
				t.Errorf("%q: %q was dropped (%v)", text, s, q.Spans)
			}
		}
	}
	for _, s := range q.Spans {
		if s.Start < at || s.End <= s.Start || s.End > len(text) || s.Role == "" {
			t.Fatalf("%q: bad spans %v", text, q.Spans)
		}
		gap(text[at:s.Start])
		at = s.End
	}
	gap(text[at:])
}

func TestHostileInput(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		kind       filter.Kind
		says       string
	}{
		{"ten megabytes", strings.Repeat("failed ", 10<<20/7), filter.TooLong, "500 characters"},
		{"501 characters", strings.Repeat("실", filter.MaxLength+1), filter.TooLong, "1503 bytes"},
		{"right to left", "failed \u202etoday", filter.BadCharacter, "U+202E"},
		{"left to right mark", "merchant X\u200e", filter.BadCharacter, "U+200E"},
		{"hidden in quotes", "merchant \"X\u200b\"", filter.BadCharacter, "U+200B"},
		{"byte order mark", "\ufefffailed", filter.BadCharacter, "U+FEFF"},
		{"nul", "failed\x00", filter.BadCharacter, "U+0000"},
		{"escape sequence", "failed \x1b[31m", filter.BadCharacter, "U+001B"},
		{"no UTF-8", "failed \xff", filter.BadCharacter, "UTF-8"},
		{"surrogate", "failed \xed\xa0\x80", filter.BadCharacter, "UTF-8"},
		{"emoji", "failed 💥 today", filter.BadCharacter, "💥"},
		{"SQL", "failed'; DROP TABLE payment; --", filter.BadCharacter, `"'" (character 7)`},
		{"SQL in an id", "merchant X' OR '1'='1", filter.BadCharacter, "'"},
		{"union", "merchant X) UNION (SELECT", filter.BadCharacter, ")"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			_, err := filter.Parse(tt.text)
			r, ok := errors.AsType[*filter.Refusal](err)
			if !ok || r.Kind != tt.kind || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want %s that says %q", err, tt.kind, tt.says)
			}
			if len(err.Error()) > 1000 || time.Since(start) > time.Second {
				t.Errorf("took %v and %d bytes to refuse", time.Since(start), len(err.Error()))
			}
		})
	}
	exact := strings.Repeat("all ", filter.MaxLength/4)
	if _, err := filter.Parse(exact); err != nil {
		t.Errorf("%d characters: %v", len(exact), err)
	}
	// What looks like SQL is a value like any other once it is quoted.
	q, err := filter.Parse(`merchant "x'; DROP TABLE payment; --"`)
	if err != nil || !slices.Equal(q.MerchantIDs, []string{"x'; DROP TABLE payment; --"}) {
		t.Errorf("got %v, %v", q.MerchantIDs, err)
	}
}

func TestMessages(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		says []string
	}{
		{"show faild payments", []string{`"faild" (character 6) is not understood`, `the nearest known word is "failed"`, "merchant X"}},
		{"오늘 실페한 결제", []string{`"실페한" (character 4)`, `"실패한"`}},
		{"refunds for SHOP-9", []string{`"SHOP-9" (character 13)`, `say "merchant SHOP-9"`, `say "key SHOP-9"`}},
		{"status captrued", []string{`"captrued"`, `the nearest known word is "captured"`, "REFUND_FAILED"}},
		{"merchant today", []string{`"today" (character 10)`, "in quotes"}},
		{"가맹점 스타벅스의 환불", []string{`"스타벅스" or "스타벅스의"`}},
		{"failed refunds or captures", []string{"REFUND_FAILED", "CAPTURE_FAILED", "two ways"}},
		{"over 1 over 2", []string{"was given before"}},
		{"failed 15m", []string{`say "last 15m"`}},
		{"failed pending for 10 minutes", []string{`say "last 10 minutes"`}},
		{"top 10", []string{"by what?"}},
		{"limit 1000", []string{"from 1 to 200"}},
		{"1234", []string{`"amount 1234", "payment 1234" or "first 1234"`}},
	}
	for _, tt := range tests {
		_, err := filter.Parse(tt.text)
		for _, s := range tt.says {
			if err == nil || !strings.Contains(err.Error(), s) {
				t.Errorf("%q: %v\n does not say %s", tt.text, err, s)
			}
		}
	}
	_, err := filter.Parse("failed since 25:00")
	if e, ok := errors.AsType[*when.Error](err); !ok || e.Text != "25:00" {
		t.Errorf("the time's own error is not to be had from %v", err)
	}
}

func TestUnderstood(t *testing.T) {
	t.Parallel()
	q, err := filter.Parse(`failed except refunds for merchants M1 and "b c" not merchant M2 over 10,000 KRW up to 2M today, newest first, limit 5`)
	if err != nil {
		t.Fatal(err)
	}
	want := `status AUTH_FAILED or CAPTURE_FAILED; merchant "M1" or "b c"; merchant not "M2"; amount > 10000; amount <= 2000000; currency KRW; time today; order newest first; limit 5`
	if q.String() != want {
		t.Errorf("got  %s\nwant %s", q, want)
	}
	q, err = filter.Parse(`payments 5, 6 key "a" exactly 99.5`)
	if want := `payment id 5 or 6; idempotency key "a"; amount = 99.5`; err != nil || q.String() != want {
		t.Errorf("got %s, %v, want %s", q, err, want)
	}
	q, err = filter.Parse("all payments")
	if err != nil || !q.IsZero() || q.String() != "" {
		t.Errorf("got %q, %v", q, err)
	}
}

// An empty answer for a status that nothing writes needs a word.
func TestNeverWritten(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{"cancelled": "CANCELLED", "취소": "CANCELLED", "AUTHORIZED": "AUTHORIZED", "refunded": "", "failed": "", "not cancelled": ""} {
		q, err := filter.Parse(text)
		if err != nil || len(q.Notes) > 0 != (says != "") || says != "" && !strings.Contains(q.Notes[0], says) {
			t.Errorf("%q: %v, %v", text, q.Notes, err)
		}
	}
}

func TestWholeUnits(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text            string
		atLeast, atMost int64
	}{
		{"over 10000", 10001, 0}, {"over 99.5", 100, 0}, {">= 10000", 10000, 0}, {">= 99.5", 100, 0}, {"over 0", 1, 0},
		{"under 10000", 0, 9999}, {"under 99.5", 0, 99}, {"<= 10000", 0, 10000}, {"<= 99.5", 0, 99},
		{"exactly 10000", 10000, 10000}, {"exactly 99.5", 100, 99},
		{"over 99,999,999,999,999", 100_000_000_000_000, 0},
	}
	for _, tt := range tests {
		q, err := filter.Parse(tt.text)
		if err != nil {
			t.Errorf("%q: %v", tt.text, err)
			continue
		}
		if q.MinAmount != nil && q.MinAmount.AtLeast() != tt.atLeast || (q.MinAmount == nil) != (tt.atLeast == 0) {
			t.Errorf("%q: at least %v, want %d", tt.text, q.MinAmount, tt.atLeast)
		}
		if q.MaxAmount != nil && q.MaxAmount.AtMost() != tt.atMost || (q.MaxAmount == nil) != (tt.atMost == 0) {
			t.Errorf("%q: at most %v, want %d", tt.text, q.MaxAmount, tt.atMost)
		}
	}
}

func TestParseAmount(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"10000": "10000 ", "10,000": "10000 ", "5k": "5000 ", "1.5M KRW": "1500000 KRW", "1만원": "10000 KRW", "₩99": "99 KRW", "0.0001": "0.0001 ",
		"": "!", "x": "!", "10 000": "!", "1,00": "!", "-5": "!", "NaN": "!", "1e9": "!", "99999999999999999999": "!", "5k more": "!", "\u202e5": "!",
	} {
		v, cur, err := filter.ParseAmount(text)
		got := v.String() + " " + cur
		if err != nil {
			got = "!"
		}
		if got != want {
			t.Errorf("%q: got %q (%v), want %q", text, got, err, want)
		}
	}
}

func TestParseStatus(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"CAPTURE_FAILED": "CAPTURE_FAILED", "capture failed": "CAPTURE_FAILED", " failed ": families["@failed"], "환불": families["@refunds"],
		"REFUNDED": "REFUNDED", "refunded": families["@refunded"], "banana": "!", "": "!", "failed refunds": "!", "payments": "!",
	} {
		names, err := filter.ParseStatus(text)
		got := strings.Join(names, ",")
		if err != nil {
			got = "!"
		}
		if got != want {
			t.Errorf("%q: got %s (%v), want %s", text, got, err, want)
		}
	}
}

// A filter in words and fields beside it narrow each other or are refused.
func TestAnd(t *testing.T) {
	t.Parallel()
	tests := []struct{ a, b, want string }{
		{"failed", "", "s:@failed"},
		{"", "failed", "s:@failed"},
		{"failed", "refunds", "s:REFUND_FAILED"},
		{"failed", "not refunds", "s:AUTH_FAILED,CAPTURE_FAILED"},
		{"not failed", "not refunds", "-s:@failed,@refunds"},
		{"failed", "captured", "!contradiction"},
		{"failed", "not failed", "!contradiction"},
		{"merchant X", "merchant X", `m:"X"`},
		{"merchants X and Y1", "merchant X", `m:"X"`},
		{"merchant X", "merchant Y", "!contradiction"},
		{"merchants X and Y1", "not merchant X", `m:"Y1"`},
		{"merchant X", "not merchant X", "!contradiction"},
		{"not merchant X", "not merchant Y", `-m:"X","Y"`},
		{"payment 5", "payment 6", "!contradiction"},
		{"payments 5, 6", "payment 6", "id:6"},
		{"key k1", "key k2", "!contradiction"},
		{"over 1000", ">= 5000", "amount>=5000"},
		{"over 5000", ">= 5000", "amount>5000"},
		{"under 5000", "<= 1000", "amount<=1000"},
		{"over 5000", "under 1000", "!contradiction"},
		{"over 5000", "<= 5000", "!contradiction"},
		{"KRW", "over 5 KRW", "amount>5 cur:KRW"},
		{"KRW", "USD", "!contradiction"},
		{"today", "today", "t:today"},
		{"today", "yesterday", "!contradiction"},
		{"limit 5", "limit 6", "!contradiction"},
		{"newest", "limit 6", "order:newest limit:6"},
		{"newest", "oldest", "!contradiction"},
	}
	for _, tt := range tests {
		a, err1 := filter.Parse(tt.a)
		b, err2 := filter.Parse(tt.b)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		for _, swap := range []bool{false, true} {
			x, y := a, b
			if swap {
				x, y = b, a
			}
			before := render(x, nil)
			if got, want := render(x.And(y)), expand(tt.want); got != want && (!swap || !strings.HasPrefix(want, "-m:")) {
				t.Errorf("%q and %q (swapped %v): got %s, want %s", tt.a, tt.b, swap, got, want)
			}
			if render(x, nil) != before {
				t.Errorf("%q and %q: And changed what it was given", tt.a, tt.b)
			}
		}
	}
}

// The fields of a result hold only what may stand in them.
func sane(t *testing.T, text string, q filter.Query) {
	t.Helper()
	for _, id := range slices.Concat(q.MerchantIDs, q.NotMerchantIDs, q.Keys) {
		if id == "" || !strings.Contains(text, id) {
			t.Errorf("%q: %q is not in the text", text, id)
		}
	}
	if len(q.Statuses) > 0 && len(q.NotStatuses) > 0 {
		t.Errorf("%q: statuses are given twice", text)
	}
	if q.Limit < 0 || q.Limit > filter.MaxLimit {
		t.Errorf("%q: limit %d", text, q.Limit)
	}
	for _, id := range q.PaymentIDs {
		if id < 1 {
			t.Errorf("%q: id %d", text, id)
		}
	}
	if lo, hi := q.MinAmount, q.MaxAmount; lo != nil && hi != nil && lo.Amount > hi.Amount {
		t.Errorf("%q: amounts %v..%v", text, *lo, *hi)
	}
	if r, err := q.Time.At(time.Date(2026, 11, 20, 14, 30, 0, 0, time.UTC), time.UTC); err == nil && r.Bounded() && !r.Since.Before(r.Until) {
		t.Errorf("%q: time %v", text, r)
	}
}

// intruder is a word that means nothing, so that it may not be accepted
// anywhere but as an id or a key.
const intruder = "zzqx"

func checkIntruder(t *testing.T, text string) {
	t.Helper()
	if len(text)+len(intruder)+2 > filter.MaxLength {
		return
	}
	for i, r := range text + " " {
		if !unicode.IsSpace(r) {
			continue
		}
		with := text[:i] + " " + intruder + " " + text[i:]
		q, err := filter.Parse(with)
		if err != nil {
			continue
		}
		inValue := func(v string) bool { return strings.Contains(v, intruder) }
		if !slices.ContainsFunc(slices.Concat(q.MerchantIDs, q.NotMerchantIDs, q.Keys), inValue) {
			t.Errorf("%q was accepted as %s", with, render(q, nil))
		}
	}
}

func check(t *testing.T, text string) {
	t.Helper()
	q, err := filter.Parse(text)
	if err != nil {
		_, unknown := errors.AsType[*filter.UnknownWord](err)
		_, refused := errors.AsType[*filter.Refusal](err)
		if !unknown && !refused || len(err.Error()) > 2000 {
			t.Errorf("%q: %T of %d bytes", text, err, len(err.Error()))
		}
		if !reflect.DeepEqual(q, filter.Query{}) {
			t.Errorf("%q: refused, and yet %v", text, q)
		}
		return
	}
	covered(t, text, q)
	sane(t, text, q)
	checkIntruder(t, text)
}

// FuzzParse is given any text.
func FuzzParse(f *testing.F) {
	for _, ph := range phrases(f) {
		f.Add(ph.text)
	}
	f.Fuzz(check)
}

// FuzzSentence is given sentences of words that are known, which a fuzzer of
// bytes would not find.
func FuzzSentence(f *testing.F) {
	words := []string{"10", "10,000", "5k", "1.5M", "X", "M1", `"a b"`, "123", "30m", "14:00", "2pm", "#5", "M1의", "와", "의", "은", "zz9", "만원", "100원", "-", "~", "=", ","}
	seen := map[string]bool{}
	for _, ph := range phrases(f) {
		for w := range strings.FieldsSeq(ph.text) {
			if !seen[w] {
				seen[w] = true
				words = append(words, w)
			}
		}
	}
	for n := range 200 {
		f.Add([]byte{byte(n), byte(n / 3), byte(n * 7), byte(n * 31), byte(n * 5)}, n%5 == 0)
	}
	f.Fuzz(func(t *testing.T, picks []byte, glued bool) {
		var parts []string
		for i := 0; i+1 < len(picks) && len(parts) < 12; i += 2 {
			parts = append(parts, words[(int(picks[i])<<8|int(picks[i+1]))%len(words)])
		}
		sep := " "
		if glued {
			sep = ""
		}
		check(t, strings.Join(parts, sep))
	})
}
