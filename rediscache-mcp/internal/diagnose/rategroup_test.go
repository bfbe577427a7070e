package diagnose

import (
	"slices"
	"strings"
	"testing"
	"time"

	"payops-mcp/shared/catalog"
)

func TestManyRateKeys(t *testing.T) {
	of := func(merchant, value string, ttl time.Duration) RateKey {
		k := key(value, ttl)
		k.Merchant = merchant
		return k
	}
	keys := []RateKey{of(`"A"`, "50000", 0), of(`"B"`, "40000", 0), of(`"C"`, "30000", 0), of(`"D"`, "25000", 0), of(`"E"`, "24100", 41*time.Second), of(`"F"`, "abc", time.Hour), of(`"G"`, "310", time.Second)}
	findings, ran := ManyRateKeys(keys, map[catalog.Code]int64{catalog.RateKeyNoTTLBlocking: 7})
	if want := []catalog.Code{catalog.RateKeyNoTTLBlocking, catalog.RateKeyCorrupt, catalog.RateLimited}; !slices.Equal(codes(findings), want) {
		t.Fatalf("found %v", codes(findings))
	}
	if len(ran) == 0 {
		t.Error("no rule ran")
	}
	for i, wants := range [][]string{
		{"11 counters are over the capacity and have no TTL", `"A" authorize 50000/24000, "B" authorize 40000/24000, "C" authorize 30000/24000 and 8 more`, "the other keys in the same way"},
		{`merchant "F", authorize: the counter holds "abc"`},
		{`merchant "E", authorize: 24100 of 24000`, "resets in 41 s"},
	} {
		for _, want := range wants {
			if text := words(findings[i]); !strings.Contains(text, want) {
				t.Errorf("%s\ndoes not say %q", text, want)
			}
		}
	}
	if n := len(findings[0].Evidence); n != 1 {
		t.Errorf("%d pieces of evidence", n)
	}
	// One that is certain makes the finding certain.
	unsure := of(`"H"`, "99999", 0)
	unsure.Limit.CapacitySet = false
	if f, _ := ManyRateKeys([]RateKey{unsure, keys[0]}, nil); f[0].Severity != catalog.Critical {
		t.Errorf("%s is %s", f[0].Code, f[0].Severity)
	}
	if f, _ := ManyRateKeys([]RateKey{unsure, unsure}, nil); f[0].Severity != catalog.Low {
		t.Errorf("%s on an assumed limit is %s", f[0].Code, f[0].Severity)
	}
}

func TestEstimate(t *testing.T) {
	for _, c := range []struct {
		seen  int64
		share float64
		want  string
	}{
		{1393, 0.14, "about 9950 (9465 to 10435)"}, {0, 0.5, "about 0 (0 to 3)"}, {10, 0.99, "about 10 (10 to 11)"},
	} {
		if got := EstimateOf(c.seen, c.share).String(); got != c.want {
			t.Errorf("%d in %v: %s, want %s", c.seen, c.share, got, c.want)
		}
	}
	if EstimateOf(5, 1) != nil || EstimateOf(0, 0) != nil {
		t.Error("an estimate of what was seen in whole, or not at all")
	}
}
