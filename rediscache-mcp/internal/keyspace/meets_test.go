package keyspace

import "testing"

func TestMeets(t *testing.T) {
	rate, answers := template(t, "rate:{action}:{merchant_id}"), idem(t, "idem:{action}:{merchant_id}:{idempotency_key}")
	for pattern, want := range map[string][2]bool{
		"rate:*":                 {true, false},
		"rate:refund:*":          {true, false},
		"rate:authorise:*":       {false, false},
		"rate:login:M":           {false, false},
		"*:M-1":                  {true, true},
		"rate:*:M-1":             {true, false},
		"r?te:capture:[MN]-*":    {true, false},
		"rate:[a-r]*":            {true, false},
		"Rate:*":                 {false, false},
		"idem:*":                 {false, true},
		"idem:authorize:M:*":     {false, true},
		"*":                      {true, true},
		"*abc*":                  {true, true},
		"session:*":              {false, false},
		`rate:authorize:\*`:      {true, false},
		"rate":                   {false, false},
		"":                       {false, false},
		"rate:authorize:M[":      {true, false},
		"*rate:refund*:*:*:*a*b": {true, true},
	} {
		if got := [2]bool{rate.Meets(pattern), answers.Meets(pattern)}; got != want {
			t.Errorf("%q: %v, want %v", pattern, got, want)
		}
	}
	if braces := template(t, "a*[b]:{action}:{merchant_id}"); braces.Meets("axx:refund:M") || !braces.Meets(`a\*\[b\]:refund:M`) {
		t.Error("what is special in a pattern is none in a template")
	}
}
