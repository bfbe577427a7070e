package keyspace

import (
	"slices"
	"strings"
	"testing"
)

func TestTemplate(t *testing.T) {
	for name, c := range map[string]struct{ template, merchant, want string }{
		"default":                  {"rate:{action}:{merchant_id}", "MERCHANT-8", "rate:refund:MERCHANT-8"},
		"merchant first":           {"{merchant_id}/{action}", "M", "M/refund"},
		"hash tag":                 {"{{merchant_id}}:{action}", "M", "{M}:refund"},
		"literal braces":           {"{rl}:{action}:{merchant_id}", "M", "{rl}:refund:M"},
		"a mark inside the id":     {"rate:{action}:{merchant_id}", "{action}", "rate:refund:{action}"},
		"the other mark inside":    {"rate:{action}:{merchant_id}", "{merchant_id}", "rate:refund:{merchant_id}"},
		"globs and line breaks":    {"rate:{action}:{merchant_id}", "a*?[b]\r\nDEL x:y ", "rate:refund:a*?[b]\r\nDEL x:y "},
		"unicode":                  {"rate:{action}:{merchant_id}", "가맹점\u202e", "rate:refund:가맹점\u202e"},
		"percent and dollar signs": {"rate:{action}:{merchant_id}", "%s$1", "rate:refund:%s$1"},
	} {
		t.Run(name, func(t *testing.T) {
			var template RateTemplate
			if err := template.UnmarshalText([]byte(c.template)); err != nil {
				t.Fatal(err)
			}
			if got := template.Key(Refund, c.merchant); got != c.want {
				t.Errorf("key %q, want %q", got, c.want)
			}
		})
	}
}

func TestTemplateSaysWhatIsWrong(t *testing.T) {
	for template, want := range map[string][]string{
		"":                                   {"{action} is missing", "{merchant_id} is missing"},
		"rate:{action}":                      {"{merchant_id} is missing;"},
		"rate:{merchant_id}":                 {"{action} is missing;"},
		"rate:{action}:{merchantid}":         {"{merchant_id} is missing ({merchantid} is not {merchant_id})"},
		"rate:{Action}:{merchant_id}":        {"{action} is missing ({Action} is not {action})"},
		"{action}{merchant_id}{merchant_id}": {"{merchant_id} stands there more than once"},
	} {
		var got RateTemplate
		err := got.UnmarshalText([]byte(template))
		if err == nil {
			t.Errorf("%q was taken", template)
			continue
		}
		for _, w := range append(want, "like rate:{action}:{merchant_id}") {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%q: %v, want it to say %q", template, err, w)
			}
		}
	}
}

func TestLookalikes(t *testing.T) {
	for id, want := range map[string][]string{
		" MERCHANT-8 ": {"MERCHANT-8", "merchant-8"},
		"merchant-8":   {"MERCHANT-8"},
		"MERCHANT-8\n": {"MERCHANT-8", "merchant-8"},
		"Shop":         {"SHOP", "shop"},
		"12345":        nil,
		"   ":          nil,
	} {
		if got := Lookalikes(id); !slices.Equal(got, want) {
			t.Errorf("Lookalikes(%q) = %q, want %q", id, got, want)
		}
	}
}

func TestCLI(t *testing.T) {
	for key, want := range map[string]string{
		"rate:refund:M-1": `"rate:refund:M-1"`,
		`a"b\c`:           `"a\"b\\c"`,
		"a\r\nb\x00":      `"a\x0d\x0ab\x00"`,
		"가":               `"\xea\xb0\x80"`,
	} {
		if got := CLI(key); got != want {
			t.Errorf("CLI(%q) = %s, want %s", key, got, want)
		}
	}
}
