package filter_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"payops-mcp/dbquery-mcp/internal/filter"
)

// families spell out what the table abbreviates.
var families = map[string]string{
	"@failed":   "AUTH_FAILED,CAPTURE_FAILED,REFUND_FAILED",
	"@pending":  "READY,REQUESTED,AUTHORIZED,CAPTURE_REQUESTED,REFUND_REQUESTED",
	"@done":     "CAPTURED,COMPLETED",
	"@auths":    "AUTHORIZED,AUTH_FAILED",
	"@captures": "CAPTURE_REQUESTED,CAPTURED,CAPTURE_FAILED",
	"@refunds":  "REFUND_REQUESTED,REFUNDED,PARTIAL_REFUNDED,REFUND_FAILED",
	"@refunded": "REFUNDED,PARTIAL_REFUNDED",
}

type phrase struct {
	line       int
	text, want string
}

func phrases(t testing.TB) (out []phrase) {
	t.Helper()
	f, err := os.Open("testdata/phrases.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	s := bufio.NewScanner(f)
	for n := 1; s.Scan(); n++ {
		line := s.Text()
		if line == "" || strings.HasPrefix(line, "# ") || line == "#" || strings.HasPrefix(line, "## ") || strings.HasPrefix(line, "#  ") {
			continue
		}
		text, want, ok := strings.Cut(line, "=> ")
		if at := strings.LastIndex(line, "=> "); at >= 0 {
			text, want, ok = line[:at], line[at+3:], true
		}
		if !ok {
			t.Fatalf("line %d has no =>", n)
		}
		out = append(out, phrase{n, strings.TrimSuffix(text, " "), want})
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// render writes a result as the table does.
func render(q filter.Query, err error) string {
	if u, ok := errors.AsType[*filter.UnknownWord](err); ok {
		return strings.TrimSuffix("!unknown "+u.Word+"~"+u.Nearest, "~")
	}
	if r, ok := errors.AsType[*filter.Refusal](err); ok {
		return "!" + string(r.Kind)
	}
	if err != nil {
		return "!!" + err.Error()
	}
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	list := func(key string, items []string) {
		if len(items) > 0 {
			add("%s:%s", key, strings.Join(items, ","))
		}
	}
	quote := func(items []string) (out []string) {
		for _, s := range items {
			out = append(out, `"`+s+`"`)
		}
		return out
	}
	list("s", q.Statuses)
	list("-s", q.NotStatuses)
	list("m", quote(q.MerchantIDs))
	list("-m", quote(q.NotMerchantIDs))
	var ids []string
	for _, id := range q.PaymentIDs {
		ids = append(ids, fmt.Sprint(id))
	}
	list("id", ids)
	list("key", quote(q.Keys))
	sign := func(b *filter.Bound, s string) {
		if b == nil {
			return
		}
		if b.Inclusive {
			s += "="
		}
		add("amount%s%s", s, b.Amount)
	}
	if q.MinAmount != nil && q.MaxAmount != nil && *q.MinAmount == *q.MaxAmount {
		add("amount=%s", q.MinAmount.Amount)
	} else {
		sign(q.MinAmount, ">")
		sign(q.MaxAmount, "<")
	}
	if q.Currency != "" {
		add("cur:%s", q.Currency)
	}
	if !q.Time.IsZero() {
		add("t:%s", q.Time)
	}
	if q.Order != "" {
		add("order:%s", q.Order)
	}
	if q.Limit > 0 {
		add("limit:%d", q.Limit)
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, " ")
}

// expand spells out the families, each list in the order of the vocabulary.
func expand(want string) string {
	fields := strings.Split(want, " ")
	for n, f := range fields {
		key, list, ok := strings.Cut(f, ":")
		if !ok || key != "s" && key != "-s" {
			continue
		}
		for name, full := range families {
			items := strings.Split(list, ",")
			for k, item := range items {
				if item == name {
					items[k] = full
				}
			}
			list = strings.Join(items, ",")
		}
		named := strings.Split(list, ",")
		var ordered []string
		for _, st := range filter.Statuses {
			if slices.Contains(named, st.Name) {
				ordered = append(ordered, st.Name)
			}
		}
		fields[n] = key + ":" + strings.Join(ordered, ",")
	}
	return strings.Join(fields, " ")
}

func TestPhrases(t *testing.T) {
	t.Parallel()
	table := phrases(t)
	if len(table) < 250 {
		t.Fatalf("only %d phrases", len(table))
	}
	for _, ph := range table {
		t.Run(fmt.Sprintf("%d %s", ph.line, ph.text), func(t *testing.T) {
			t.Parallel()
			q, err := filter.Parse(ph.text)
			got, want := render(q, err), expand(ph.want)
			if strings.HasPrefix(want, "!unknown ") && !strings.Contains(want, "~") {
				got, _, _ = strings.Cut(got, "~")
			}
			want = strings.TrimSuffix(want, "~-") // no word is near
			if got != want {
				t.Errorf("%q\n got  %s\n want %s\n (%v)", ph.text, got, want, err)
			}
			if err == nil {
				covered(t, ph.text, q)
			}
		})
	}
}
