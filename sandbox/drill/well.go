package drill

import (
	"context"
	"fmt"
	"slices"
	"time"

	"payops-mcp/sandbox/incident"
	"payops-mcp/shared/catalog"
)

// Healthy is judged as a system that is well: nothing above info.
func Healthy() incident.Happening {
	return incident.Happening{Row: incident.Row{ID: "healthy", Severity: "none"}}
}

// WellAgain asks the same questions until they are answered as they must be while
// nothing but near misses lasts, and returns the last replies. When that takes
// longer than within, it returns what is still wrong.
func (d *Desk) WellAgain(ctx context.Context, within time.Duration, asks []incident.Ask, lasting ...incident.Happening) (last []Reply, wrong []incident.Mistake, err error) {
	deadline := time.After(within)
	for {
		last, err = d.Ask(ctx, asks...)
		if err != nil {
			return last, nil, err
		}
		wrong = judgeWell(lasting, last)
		if len(wrong) == 0 {
			return last, nil, nil
		}
		select {
		case <-deadline:
			for n := range wrong {
				wrong[n].Text = fmt.Sprintf("%s after the repair: %s", within, wrong[n].Text)
			}
			return last, wrong, nil
		case <-ctx.Done():
			return last, wrong, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// judgeWell judges answers while nothing but near misses lasts. What those must
// quote is not asked about here.
func judgeWell(lasting []incident.Happening, replies []Reply) []incident.Mistake {
	all := []incident.Happening{Healthy()}
	return incident.Assess(append(all, unasked(lasting)...), Said(replies))
}

// remembered is what a living system tells of, and rightly, though it is over: what an
// incident held up was posted late, and stays so in the books.
func (d *Desk) remembered() []incident.Happening {
	if len(d.stack.Paysim) == 0 {
		return nil
	}
	h := Healthy()
	h.Row.Allow = []catalog.Code{catalog.LedgerPostingLate}
	return []incident.Happening{h}
}

// unasked are near misses that last while something else is asked about: what they
// show may be shown, and need not be.
func unasked(lasting []incident.Happening) (all []incident.Happening) {
	for _, h := range lasting {
		h.Row.Allow = slices.Concat(h.Row.Allow, h.Row.Shows)
		h.Row.Shows, h.Did.Quotes, h.Did.Asks = nil, nil, nil
		all = append(all, h)
	}
	return all
}
