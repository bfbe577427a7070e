package broker

import (
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"
)

// Letter is one record of a dead-letter topic. Its texts are foreign: any
// program may have written them.
type Letter struct {
	Topic     string
	Partition int32
	Offset    int64
	At        time.Time // when it was written, by its producer's clock
	Size      int       // of the record's value, in bytes

	// Odd says why the value is not what the payment system writes; the rest is
	// then empty but for Payload, which is the head of the value.
	Odd string

	ErrorType, ErrorMessage string
	Origin                  string // the topic it comes from; empty when it does not say
	OriginPartition         string
	OriginOffset            string
	Payload                 string // a head of it
	PaymentID               string
	Amount                  string // as written, in the smallest unit of the currency
	Retries                 string
	Code                    string // the payment gateway's
}

// letterOf takes a record apart. The ledger's worker writes what failed and why;
// the settlement and refund workers write the request that they gave up.
func letterOf(r record) Letter {
	l := Letter{Topic: r.topic, Partition: r.partition, Offset: r.offset, At: r.at, Size: r.size, Payload: head(r.value)}
	if l.Odd = odd(r); l.Odd != "" {
		return l
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(r.value, &fields); err != nil {
		l.Odd = "not a JSON object"
		return l
	}
	get := func(names ...string) string {
		for _, n := range names {
			if s := plainValue(fields[n]); s != "" {
				return s
			}
		}
		return ""
	}
	l.ErrorType, l.ErrorMessage = head([]byte(get("errorType"))), head([]byte(get("errorMessage", "pgResponseMessage")))
	l.Origin, l.OriginPartition, l.OriginOffset = head([]byte(get("originalTopic"))), head([]byte(get("partition"))), head([]byte(get("offset")))
	l.PaymentID, l.Amount = head([]byte(get("paymentId"))), head([]byte(get("requestAmount", "refundAmount", "amount")))
	l.Retries, l.Code = head([]byte(get("retryCount"))), head([]byte(get("pgResponseCode")))
	if payload, ok := fields["payload"]; ok {
		text := plainValue(payload)
		l.Payload = head([]byte(text))
		var inside map[string]json.RawMessage
		if json.Unmarshal([]byte(text), &inside) == nil {
			if l.PaymentID == "" {
				l.PaymentID = head([]byte(plainValue(inside["paymentId"])))
			}
			if l.Amount == "" {
				l.Amount = head([]byte(plainValue(inside["amount"])))
			}
		}
	}
	if l.ErrorType == "" && l.ErrorMessage == "" && l.Code == "" && l.Retries == "" {
		l.Odd = "a JSON object that names no error"
	}
	return l
}

func odd(r record) string {
	switch {
	case r.null:
		return "no value"
	case r.size == 0:
		return "an empty value"
	case r.size > wholeValue || len(r.value) < r.size:
		return "too large to take apart"
	case !utf8.Valid(r.value):
		return "not text"
	}
	return ""
}

// plainValue is a JSON value as text: a string without its quotes, anything else
// as it is written; null and what is not there are empty.
func plainValue(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	if text := strings.TrimSpace(string(raw)); text != "null" {
		return text
	}
	return ""
}

// head copies the beginning of a value, so that the whole is not kept for it.
func head(value []byte) string { return string(value[:min(len(value), keptOfValue)]) }
