package keyspace

import (
	"path"
	"strings"
	"testing"
)

func template(t *testing.T, text string) RateTemplate {
	t.Helper()
	var r RateTemplate
	if err := r.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return r
}

func idem(t *testing.T, text string) IdemTemplate {
	t.Helper()
	var i IdemTemplate
	if err := i.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return i
}

// What Key makes, Parse reads, whatever is in the id and however the template is.
func TestParseIsTheOppositeOfKey(t *testing.T) {
	for _, text := range []string{"rate:{action}:{merchant_id}", "{merchant_id}/{action}", "{{merchant_id}}:{action}", "a*[b]:{action}:{merchant_id}:z", "{action}{merchant_id}"} {
		r := template(t, text)
		for _, merchant := range []string{"M-1", "a:b:c", "authorize", "refund:x", " ", "{action}", "*", "x\r\ny", "가맹점", "/", ":"} {
			for _, action := range Actions {
				key := r.Key(action, merchant)
				a, m, ok := r.Parse(key)
				if !ok || a != action || m != merchant {
					t.Errorf("%s: %q is read as %s of %q, %v", text, key, a, m, ok)
				}
				if !r.Has(key) {
					t.Errorf("%s: %q is not of the template", text, key)
				}
			}
		}
	}
}

func TestParseRefusesWhatIsNoCounter(t *testing.T) {
	r := template(t, "rate:{action}:{merchant_id}:v1")
	for key, has := range map[string]bool{
		"rate:login:M:v1": true, "rate:authorize:M": false, "rate:authorize::v1": false, "idem:authorize:M:v1": false,
		"rate:authorize": false, "rate:": false, "": false, "xrate:authorize:M:v1": false, "rate::M:v1": false,
	} {
		if a, m, ok := r.Parse(key); ok {
			t.Errorf("%q is read as %s of %q", key, a, m)
		}
		if got := r.Has(key); got != has {
			t.Errorf("Has(%q) = %v", key, got)
		}
	}
}

// path.Match knows the escapes of SCAN's patterns, where there is no slash.
func TestPatternMatchesItsKeysAlone(t *testing.T) {
	r := template(t, `r*te[1]\?:{action}:{merchant_id}`)
	pattern := r.Pattern(Refund)
	for key, want := range map[string]bool{
		r.Key(Refund, "M"): true, r.Key(Refund, "a*b"): true, r.Key(Capture, "M"): false,
		`rate1\x:refund:M`: false, strings.Replace(r.Key(Refund, "M"), "*", "xx", 1): false,
	} {
		if got, err := path.Match(pattern, key); err != nil || got != want {
			t.Errorf("%s matches %q: %v, %v", pattern, key, got, err)
		}
	}
	if got := template(t, "rate:{action}:{merchant_id}").Pattern(""); got != "rate:*:*" {
		t.Errorf("the pattern of all actions is %s", got)
	}
}

func TestIdemTemplate(t *testing.T) {
	i := idem(t, "idem:{action}:{merchant_id}:{idempotency_key}")
	if got := i.Key("M:1", "{merchant_id}"); got != "idem:authorize:M:1:{merchant_id}" {
		t.Errorf("key %q", got)
	}
	if got := i.Pattern(); got != "idem:*:*:*" {
		t.Errorf("pattern %q", got)
	}
	for key, want := range map[string]bool{"idem:authorize:M:k": true, "idem:authorize:M": false, "idem:::": false, "idem:a:b:": false, "idem:authorize:a:b:c:d": true, "rate:authorize:M:k": false} {
		if got := i.Has(key); got != want {
			t.Errorf("Has(%q) = %v", key, got)
		}
	}
	for _, c := range []struct {
		template, merchant, key string
		want                    bool
	}{
		{"idem:{action}:{merchant_id}:{idempotency_key}", "M", "k", false},
		{"idem:{action}:{merchant_id}:{idempotency_key}", "M", "k:1", true},
		{"idem:{action}:{merchant_id}:{idempotency_key}", "M:1", "k", true},
		{"{merchant_id}|{idempotency_key}", "M:1", "k:1", false},
		{"{merchant_id}:{action}:{idempotency_key}", "M", "k:1", false},
	} {
		if got := idem(t, c.template).Ambiguous(c.merchant, c.key); got != c.want {
			t.Errorf("%s with %s and %s: %v", c.template, c.merchant, c.key, got)
		}
	}
	var bad IdemTemplate
	for text, want := range map[string]string{
		"idem:{merchant_id}": "{idempotency_key} is missing", "idem:{merchant_id}:{key}": "({key} is not {idempotency_key})",
		"{action}{action}{merchant_id}{idempotency_key}": "{action} stands there more than once",
	} {
		if err := bad.UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "like idem:") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
