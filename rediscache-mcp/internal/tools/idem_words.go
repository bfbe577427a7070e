package tools

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"payops-mcp/rediscache-mcp/internal/diagnose"
	"payops-mcp/rediscache-mcp/internal/keyspace"
	"payops-mcp/rediscache-mcp/internal/redisdb"
	"payops-mcp/shared/foreign"
)

// describe fills in what a key that is there holds. It returns what keeps the
// answer from being known to be sound.
func (d *IdempotencyData) describe(k diagnose.IdemKey) (doubt string) {
	body := k.Answer()
	d.Cached = &CachedPayment{PaymentID: body.PaymentID, Status: body.Status, Amount: body.Amount, Currency: body.Currency, CreatedAt: foreign.Text(body.CreatedAt)}
	if !body.Unread || len(body.Problems) > 0 {
		sound := len(body.Problems) == 0
		d.Cached.Sound = &sound
	} else {
		doubt = fmt.Sprintf("the cached body is long and only its first %d bytes were read; what was read is sound", answerBytes)
		if n := k.Head.Length; n != nil {
			doubt = fmt.Sprintf("the cached body has %d bytes and only the first %d were read; what was read is sound", *n, answerBytes)
		}
	}
	s := k.Head.Last()
	if k.Head.TTLErr == nil && !s.NoTTL {
		left := int64((s.TTL + time.Second - 1) / time.Second)
		d.ExpiresInS = &left
		if k.Lifetime.TTL > 0 && s.TTL > k.Lifetime.TTL+time.Second {
			d.Notes = append(d.Notes, fmt.Sprintf("it lives longer than the configured %d s (%s)", d.ConfiguredTTLS, d.TTLFrom))
		}
	}
	if body.PaymentID != nil {
		d.Notes = append(d.Notes, "status and amount are those of the moment it was cached; trace_payment tells what the payment is now")
		d.ConfirmWith = "trace_payment"
	}
	return doubt
}

// notCached says what it means, and does not mean, that a key is not there.
func (d Deps) notCached(s redisdb.Server) []string {
	notes := []string{"not in the cache is not free to use: the database's idem_response_cache and unique key decide, and they do not expire; where the database has the answer, the next repeat brings it back"}
	if i := s.Info; i != nil && i.Uptime != nil && (d.IdemTTL.TTL == 0 || *i.Uptime < d.IdemTTL.TTL) {
		notes = append(notes, fmt.Sprintf("Redis was started %d s ago: what it did not load then is not there for that reason alone", int64(*i.Uptime/time.Second)))
	}
	return notes
}

// meantIdem looks for merchant and key without white space around them and in one
// case, so that a slip of the finger does not read as "not there".
func (d Deps) meantIdem(ctx context.Context, in IdempotencyIn) string {
	merchants := slices.Concat([]string{in.MerchantID}, keyspace.Lookalikes(in.MerchantID))
	merchants = slices.DeleteFunc(merchants, func(m string) bool { return d.Scope.Check(m) != nil })
	keys := slices.Concat([]string{in.IdempotencyKey}, keyspace.Lookalikes(in.IdempotencyKey))
	var names, said []string
	for _, m := range merchants {
		for _, k := range keys {
			if m == in.MerchantID && k == in.IdempotencyKey || d.Scope.Limited() && d.IdemKey.Ambiguous(m, k) {
				continue
			}
			names = append(names, d.IdemKey.Key(m, k))
			said = append(said, foreign.Text(m).Quoted()+" with "+foreign.Text(k).Quoted())
		}
	}
	if len(names) == 0 {
		return ""
	}
	var found []string
	there, missed := d.Redis.Exist(ctx, names)
	for i := range names {
		if there[i] {
			found = append(found, said[i])
		}
	}
	if len(found) == 0 {
		return unprobed("no cached answer for these two", missed)
	}
	return "no cached answer for these two, but there is one for " + strings.Join(found, " and ") + ": was that meant?"
}

// idemSummary is one line: there or not, and what with.
func idemSummary(k diagnose.IdemKey, d IdempotencyData, servers []redisdb.Server) string {
	if d.Found == nil {
		return "NOT KNOWN - " + unread(servers)
	}
	if !*d.Found {
		return "NOT IN THE CACHE - that does not mean free to use: ask the database (query_payments)"
	}
	words, body := "FOUND", k.Answer()
	if len(body.Problems) > 0 {
		words = "FOUND, CORRUPT"
	}
	what := "the payment cannot be read out of it"
	if body.PaymentID != nil {
		what = fmt.Sprintf("payment %d", *body.PaymentID)
		if body.Status != "" {
			what += ", " + body.Status + " when it was cached"
		}
		if body.Amount != nil {
			what += strings.TrimRight(fmt.Sprintf(", %d %s", *body.Amount, body.Currency), " ")
		}
	}
	switch s := k.Head.Last(); {
	case k.Head.TTLErr != nil:
		what += ", when it expires is not known"
	case s.NoTTL:
		what += ", never expires (no TTL)"
	default:
		what += fmt.Sprintf(", expires in %d s", *d.ExpiresInS)
	}
	return words + " - " + what
}

func setOrAssumed(set bool) string {
	if set {
		return "set"
	}
	return "assumed"
}
