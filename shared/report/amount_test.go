package report

import (
	"strings"
	"testing"
	"time"

	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
)

// A control total whose digits would pass for a card number is shown whole in both
// forms; a card number in any other place is not.
func TestLargeSumsAreNotMasked(t *testing.T) {
	type total struct {
		Currency string `json:"currency"`
		Debit    Amount `json:"debit"`
		Note     string `json:"note"`
	}
	type data struct {
		Totals []total `json:"totals"`
		One    *Amount `json:"one"`
		None   *Amount `json:"none"`
	}
	sum := Amount("5006126432485")
	a := Answer[data]{Summary: "KRW " + sum.String() + ", in all", AsOf: time.Now(), Sources: []fault.Source{{Name: "db"}},
		Data: data{Totals: []total{{"KRW", sum, "4111111111111111"}}, One: new(Amount("-4000000000000002.50"))}}
	a.Findings = []Finding{NewFinding(catalog.LedgerCaptureMissing, "they are worth KRW %s", Amount("4000000000000002"))}
	text, structured := a.Render(60000)
	for form, said := range map[string]string{"text": text, "structure": string(structured)} {
		for _, want := range []string{"5006126432485", "5,006,126,432,485", "-4000000000000002.50", "4,000,000,000,000,002", "****1111"} {
			if !strings.Contains(said, want) {
				t.Errorf("the %s does not say %s:\n%s", form, want, said)
			}
		}
		if strings.Contains(said, "4111111111111111") {
			t.Errorf("the %s shows a card number:\n%s", form, said)
		}
	}
	if !strings.Contains(string(structured), `"debit":"5006126432485"`) {
		t.Errorf("an amount is no exact string: %s", structured)
	}
}

// What is no amount is cleaned as everything else.
func TestOnlyAmountsAreLeftAlone(t *testing.T) {
	for in, want := range map[Amount]string{"5006126432485": "5006126432485", "1.5": "1.5", "KRW 5006126432485": "KRW ****2485", "5006126432485\n": "****2485\\n", "4111 1111 1111 1111": "****1111", "٤١١١١١١١١١١١١١١١": "****1111", "": ""} {
		if got := in.node().scalar; got != want {
			t.Errorf("%q is shown as %q, want %q", in, got, want)
		}
	}
	for in, want := range map[Amount]string{"120000": "120000", "-120000.25": "-120000.25", "5006126432485": "5,006,126,432,485", "-5006126432485.5": "-5,006,126,432,485.5", "none of them at all": "none of them at all"} {
		if got := in.String(); got != want {
			t.Errorf("%q is %q in a sentence, want %q", string(in), got, want)
		}
	}
}
