package spelling_test

import (
	"slices"
	"testing"

	"payops-mcp/dbquery-mcp/internal/spelling"
)

func TestNear(t *testing.T) {
	names := []string{"MERCHANT-7", "MERCHANT-70", "MERCHANT-8", "SHOP_A", "shop-b", "가맹점-1"}
	for name, want := range map[string][]string{
		"merchant7":  {"MERCHANT-7"},
		"MERCHANT_8": {"MERCHANT-8"},
		"MERCHNT-70": {"MERCHANT-70"},
		"MERCHANT-9": {"MERCHANT-7", "MERCHANT-8"},
		"SHOPA":      {"SHOP_A"},
		"SHOP-C":     {"shop-b"},
		"가맹점1":       {"가맹점-1"},
		"COMPLETELY": nil,
		"":           nil,
	} {
		got := spelling.Near(name, names, 3)
		if !slices.Equal(got, want) {
			t.Errorf("Near(%q) = %q, want %q", name, got, want)
		}
	}
}
