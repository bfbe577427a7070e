package diagnose

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Statuses are the payment states that the payment system has a name for.
var Statuses = []string{"READY", "REQUESTED", "AUTHORIZED", "AUTH_FAILED", "CAPTURE_REQUESTED", "CAPTURED", "CAPTURE_FAILED",
	"REFUND_REQUESTED", "REFUNDED", "PARTIAL_REFUNDED", "REFUND_FAILED", "COMPLETED", "CANCELLED"}

// CachedAnswer is what a cached body says of its payment, as far as it can be read.
type CachedAnswer struct {
	PaymentID *int64
	Status    string // one of Statuses; empty when it is none
	Amount    *int64 // in the currency's smallest unit
	Currency  string // three capital letters; empty when it is none
	CreatedAt string // as it stands there, not checked
	// Problems are what keeps it from being an answer that ingest can give.
	Problems []string
	// Unread is set when only the head of the body was at hand; the rest of it
	// may be broken.
	Unread bool
}

// ReadAnswer reads the head of a cached body; cut says that there is more of it.
func ReadAnswer(head string, cut bool) CachedAnswer {
	var a CachedAnswer
	fields, err := topLevel(head)
	if err != nil && cut && errors.Is(err, errShort) {
		a.Unread = true
	} else if err != nil {
		a.Problems = append(a.Problems, err.Error())
		return a
	}
	if number, ok := a.whole(fields, "paymentId"); ok {
		a.PaymentID = &number
		if number <= 0 {
			a.Problems = append(a.Problems, fmt.Sprintf("paymentId is %d", number))
		}
	}
	if number, ok := a.whole(fields, "amount"); ok {
		a.Amount = &number
		if number < 0 {
			a.Problems = append(a.Problems, fmt.Sprintf("amount is %d", number))
		}
	}
	if text, ok := a.text(fields, "status"); ok {
		if slices.Contains(Statuses, text) {
			a.Status = text
		} else {
			a.Problems = append(a.Problems, "status is none that the payment system has")
		}
	}
	if text, ok := a.text(fields, "currency"); ok {
		if isCurrency(text) {
			a.Currency = text
		} else {
			a.Problems = append(a.Problems, "currency is no code of three capital letters")
		}
	}
	if raw, ok := fields["createdAt"]; ok {
		a.CreatedAt = strings.Trim(string(raw), `"`)
	}
	return a
}

var errShort = errors.New("the JSON object is cut short")

// topLevel reads the members of a JSON object one by one, so that those before a
// cut are not lost. errShort means that it ends too early.
func topLevel(head string) (map[string]json.RawMessage, error) {
	fields := map[string]json.RawMessage{}
	d := json.NewDecoder(strings.NewReader(head))
	first, err := d.Token()
	switch {
	case errors.Is(err, io.EOF):
		return fields, errors.New("the body is empty")
	case err != nil:
		return fields, errors.New("the body is no JSON")
	case first != json.Delim('{'):
		return fields, errors.New("the body is JSON, but no object")
	}
	last := ""
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return fields, early(err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return fields, early(err)
		}
		last = name.(string) // the decoder takes nothing else for a name
		fields[last] = value
	}
	if _, err := d.Token(); err != nil {
		delete(fields, last) // of a number there may be more
		return fields, early(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fields, errors.New("something follows the JSON object")
	}
	return fields, nil
}

// early tells a body that ends too early from one that is wrong.
func early(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return errShort
	}
	return errors.New("the body is no JSON from some point on")
}

// raw returns a member that must be there. One that a cut has taken is no problem.
func (a *CachedAnswer) raw(fields map[string]json.RawMessage, name string) (json.RawMessage, bool) {
	raw, ok := fields[name]
	if !ok || bytes.Equal(raw, []byte("null")) {
		if !a.Unread || ok {
			a.Problems = append(a.Problems, name+" is missing")
		}
		return nil, false
	}
	return raw, true
}

func (a *CachedAnswer) whole(fields map[string]json.RawMessage, name string) (int64, bool) {
	raw, ok := a.raw(fields, name)
	if !ok {
		return 0, false
	}
	number, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		a.Problems = append(a.Problems, name+" is no whole number")
		return 0, false
	}
	return number, true
}

func (a *CachedAnswer) text(fields map[string]json.RawMessage, name string) (string, bool) {
	raw, ok := a.raw(fields, name)
	if !ok {
		return "", false
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		a.Problems = append(a.Problems, name+" is no text")
		return "", false
	}
	return text, true
}

func isCurrency(s string) bool {
	return len(s) == 3 && !strings.ContainsFunc(s, func(r rune) bool { return r < 'A' || r > 'Z' })
}
