package diagnose

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
)

// HurtWords says whose payments these are, and how much money: 12 payments of 3
// merchants, KRW 120000; most "M-7" 8. It is empty when nobody is known.
func HurtWords(replies []paydb.Reply[paydb.Hurt]) (words string, payments int) {
	merchants, cut := map[foreign.Text]int{}, false
	var order []foreign.Text
	sums := map[foreign.Text]*paydb.Sum{}
	for _, r := range replies {
		if !r.Source.OK() || r.SameAs != "" {
			continue
		}
		payments += r.Facts.Payments
		cut = cut || r.Facts.Cut
		for _, m := range r.Facts.Merchants {
			merchants[m.Merchant] += m.Payments
		}
		for _, a := range r.Facts.Amounts {
			if sums[a.Currency] == nil {
				sums[a.Currency] = new(paydb.Sum)
				order = append(order, a.Currency)
			}
			if err := sums[a.Currency].Add(a.Amount.String()); err != nil {
				panic("diagnose: a sum writes itself as no number") // Sum's own String and Add disagree
			}
		}
	}
	if payments == 0 {
		return "", 0
	}
	var amounts []string
	for _, c := range order {
		amounts = append(amounts, currencyName(c)+" "+figure(sums[c]))
	}
	words = fmt.Sprintf("%s%d payments of %d merchants, %s", leastIf(cut), payments, len(merchants), firstSums(amounts))
	if payments == 1 {
		words = "1 payment, " + strings.Join(amounts, ", ")
	}
	names := make([]foreign.Text, 0, len(merchants))
	for m := range merchants {
		names = append(names, m)
	}
	slices.SortFunc(names, func(a, b foreign.Text) int {
		return cmp.Or(cmp.Compare(merchants[b], merchants[a]), cmp.Compare(a, b))
	})
	var most []string
	for _, m := range names[:min(len(names), 3)] {
		most = append(most, fmt.Sprintf("%s %d", m.Quoted(), merchants[m]))
	}
	return words + "; most: " + strings.Join(most, ", "), payments
}

// figure is an amount for a sentence.
func figure(amount fmt.Stringer) string { return report.Amount(amount.String()).String() }

// currencyName is a currency as a word where it is three capital letters, quoted
// otherwise.
func currencyName(c foreign.Text) string {
	if len(c) == 3 && strings.Trim(string(c), "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" {
		return string(c)
	}
	return c.Quoted()
}

// seconds is a length of time, rounded to what matters.
func lasted(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return d.Round(time.Second / 10).String()
	case d < time.Hour:
		return d.Round(time.Second).String()
	}
	return d.Round(time.Minute).String()
}

func wholeSeconds(d time.Duration) string { return strconv.FormatInt(int64(d.Seconds()), 10) }

// leastIf stands before a number that may be larger.
func leastIf(atLeast bool) string {
	if atLeast {
		return "at least "
	}
	return ""
}

func manyAtLeast(n int64, atLeast bool) string { return leastIf(atLeast) + strconv.FormatInt(n, 10) }

func manyEvents(n int64, atLeast bool) string {
	if n == 1 && !atLeast {
		return "1 event"
	}
	return manyAtLeast(n, atLeast) + " events"
}

func manyPayments(n int) string {
	if n == 1 {
		return "1 payment"
	}
	return strconv.Itoa(n) + " payments"
}

func fromTo(least, most int64) string {
	if least == most {
		return strconv.FormatInt(least, 10)
	}
	return fmt.Sprintf("%d-%d", least, most)
}

// more says how many of a list are not named.
func andMore(n, named int) string {
	if n <= named {
		return ""
	}
	return fmt.Sprintf(" and %d more", n-named)
}

// andOthers is that of a list that may have been cut.
func andOthers(n, named int, cut bool) string {
	if cut {
		return " and more"
	}
	return andMore(n, named)
}

// ends are the first and the last id of events.
func fromToID(all []paydb.OutboxEvent) string {
	first, last := all[0].ID, all[0].ID
	for _, e := range all {
		first, last = min(first, e.ID), max(last, e.ID)
	}
	if first == last {
		return strconv.FormatInt(first, 10)
	}
	return fmt.Sprintf("%d .. %d", first, last)
}

func numbersOf(counts []int64) string {
	words := make([]string, len(counts))
	for i, n := range counts {
		words[i] = strconv.FormatInt(n, 10)
	}
	return strings.Join(words, ", ")
}
