package tools

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"payops-mcp/shared/foreign"
)

// summary is the line to read out.
func (p page) summary() string {
	if len(p.answered()) == 0 {
		var why []string
		for _, r := range p.replies {
			why = append(why, r.Shard+" "+strings.ReplaceAll(string(r.Source.Err.Class), "_", " "))
		}
		return "no payment database answered: " + strings.Join(why, ", ")
	}
	text := p.caveat() + p.list()
	if p.deps.Scope.Limited() {
		text += " [this server's merchants only]"
	}
	return text
}

// caveat is what must be heard before any number when a shard did not answer.
func (p page) caveat() string {
	failed := silent(asked(p.replies))
	if len(failed) == 0 {
		return ""
	}
	text := "PARTIAL, " + strings.Join(failed, ", ") + " did not answer"
	lost := slices.DeleteFunc(slices.Clone(p.understood.MerchantIDs), func(m string) bool {
		home, known := p.home(m)
		return !known || home.Source.OK()
	})
	if len(lost) > 0 {
		text += ", where " + foreign.Text(strings.Join(lost, ", ")).Quoted() + " lives by the shard rule"
	}
	return text + ": "
}

// list says how many payments match, and what they come to.
func (p page) list() string {
	t := p.tally()
	switch {
	case p.cursor != nil && p.next == nil:
		return "the last " + payments(int64(len(p.rows)))
	case p.cursor != nil:
		return "the next " + payments(int64(len(p.rows))) + ", more follow"
	case !t.known:
		return fmt.Sprintf("more than %s match; shown: the %s %d", payments(int64(len(p.rows))), p.ask.Order, len(p.rows))
	case t.count() == 0:
		return fmt.Sprintf("0 payments match (looked at %s, %s)", heard(asked(p.replies)), p.windowText())
	}
	text := fmt.Sprintf("%s match (%s): %s", payments(t.count()), strings.Join(p.byShardWords(t), ", "), t.inWords())
	if p.next != nil {
		text += fmt.Sprintf("; shown: the %s %d", p.ask.Order, len(p.rows))
	}
	return text
}

func payments(n int64) string {
	if n == 1 {
		return "1 payment"
	}
	return grouped(strconv.FormatInt(n, 10)) + " payments"
}

func (p page) byShardWords(t tally) (words []string) {
	for _, r := range p.answered() {
		var n int64
		for _, part := range t.parts {
			if part.shard == r.Shard {
				n += part.count
			}
		}
		words = append(words, r.Shard+" "+grouped(strconv.FormatInt(n, 10)))
	}
	return words
}
