package report_test

import (
	"fmt"
	"strings"
	"testing"

	"payops-mcp/shared/foreign"
)

// An answer of ten rows is the usual one; of 20,000 rows most are cut.
func BenchmarkRender(b *testing.B) {
	for _, n := range []int{10, 20000} {
		a := fat(2)
		for len(a.Data) < n {
			a.Data = append(a.Data, tableRow{ID: len(a.Data), Name: foreign.Text(strings.Repeat("y", 40))})
		}
		b.Run(fmt.Sprintf("rows=%d", n), func(b *testing.B) {
			for b.Loop() {
				a.Render(60000)
			}
		})
	}
}
