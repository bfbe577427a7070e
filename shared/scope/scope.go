// Package scope binds a server to some merchants, for a support desk that may
// not see the others (PAYOPS_MERCHANT_SCOPE).
package scope

import (
	"slices"
	"strings"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

// Merchants are the merchants a server may speak of; none means all.
type Merchants []string

// Limited reports whether only some merchants may be spoken of.
func (m Merchants) Limited() bool { return len(m) > 0 }

// Check refuses a merchant outside the scope. Ids are compared exactly.
func (m Merchants) Check(id string) error {
	if !m.Limited() || slices.Contains(m, id) {
		return nil
	}
	return fault.New(fault.Refused, "Ask for a merchant inside the scope, or have PAYOPS_MERCHANT_SCOPE changed",
		"merchant %s is outside of this server's merchant scope (%s)", foreign.Text(id).Quoted(), m.String())
}

// String lists the merchants, or says all.
func (m Merchants) String() string {
	if !m.Limited() {
		return "all merchants"
	}
	return foreign.Clean(strings.Join(m, ", "), foreign.MaxText)
}
