package diagnose

import (
	"fmt"
	"strings"
	"time"

	"payops-mcp/rediscache-mcp/internal/keyspace"
	"payops-mcp/rediscache-mcp/internal/limiter"
	"payops-mcp/rediscache-mcp/internal/redisdb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/report"
)

// IdemKey is a merchant's idempotency key as Redis has it.
type IdemKey struct {
	Merchant string // quoted
	Head     redisdb.Counter
	Lifetime limiter.Lifetime
	Source   string // name of the server that holds it
	Clock    time.Time
}

// Found reports whether a value is there; false for nil is not known.
func (k IdemKey) Found() *bool {
	if k.Head.Err != nil {
		return nil
	}
	there := k.Head.Last().Exists
	return &there
}

// Answer reads the value.
func (k IdemKey) Answer() CachedAnswer {
	s := k.Head.Last()
	if s.WrongType {
		return CachedAnswer{Problems: []string{"the key holds a " + k.Head.Type.String()}}
	}
	return ReadAnswer(string(s.Value), s.Cut)
}

// idemRules are the rules for one cached answer, one code each.
var idemRules = []struct {
	code catalog.Code
	rule func(IdemKey) (report.Finding, bool)
}{
	{catalog.IdemKeyNoTTL, staysForEver},
	{catalog.IdemResponseCorrupt, corruptAnswer},
}

// CachedKey judges one key. It returns the codes of the rules that ran: none when
// the key could not be read.
func CachedKey(k IdemKey) (findings []report.Finding, ran []catalog.Code) {
	there := k.Found()
	if there == nil {
		return nil, nil
	}
	for _, r := range idemRules {
		if f, found := r.rule(k); found && *there {
			findings = append(findings, f)
		}
		ruled := k.Head.TTLErr == nil
		if r.code == catalog.IdemResponseCorrupt {
			ruled = !*there || !k.Answer().Unread
		}
		if ruled {
			ran = append(ran, r.code)
		}
	}
	return findings, ran
}

// staysForEver needs no second sight: ingest writes value and TTL in one command.
func staysForEver(k IdemKey) (report.Finding, bool) {
	if !k.Head.Last().NoTTL {
		return report.Finding{}, false
	}
	why := fmt.Sprintf("ingest sets one of %s (%s), so something else wrote it", seconds(k.Lifetime.TTL), setOrAssumed(k.Lifetime.Set))
	if k.Lifetime.TTL == 0 {
		why = "APP_IDEMPOTENCY_CACHE_TTL_SECONDS is 0 or less, so ingest sets none and the cache only grows"
	}
	return report.NewFinding(catalog.IdemKeyNoTTL, "the cached answer has no TTL and stays until somebody deletes it: %s", why).
		With(k.Source, k.probe(), "TTL -1 (none)", k.Clock).
		Hurts("merchant %s gets this answer for this idempotency key for ever; memory that is never given back", k.Merchant).
		Then("Compare APP_IDEMPOTENCY_CACHE_TTL_SECONDS over all ingest instances", "Find who else writes idempotency keys; ttl_analysis counts how many have no TTL"), true
}

func corruptAnswer(k IdemKey) (report.Finding, bool) {
	problems := k.Answer().Problems
	if len(problems) == 0 {
		return report.Finding{}, false
	}
	s := k.Head.Last()
	value := s.Value.Quoted()
	if s.WrongType {
		value = "a " + k.Head.Type.String()
	} else if k.Head.Length != nil {
		value = fmt.Sprintf("%d bytes: %s", *k.Head.Length, value)
	}
	f := report.NewFinding(catalog.IdemResponseCorrupt, "the cached answer is none that ingest can give: %s", strings.Join(problems, ", ")).
		With(k.Source, k.probe(), value, k.Clock).
		Hurts("merchant %s: where ingest cannot read it, it logs a warning and asks the database, whose answer then takes its place; what can be read is given out as it is", k.Merchant).
		Then("Look up the payment in the database by merchant_id and idempotency_key", fmt.Sprintf("If the database is right, a human deletes exactly this key: DEL %s (redis-cli)", keyspace.CLI(k.Head.Key))).
		ConfirmWith("query_payments")
	if s.Value == "" && !s.WrongType && k.Head.Second == nil {
		f = f.Unsure() // an empty value may be a key that expired between two commands
	}
	return f, true
}

func (k IdemKey) probe() string {
	key := keyspace.CLI(k.Head.Key)
	return fmt.Sprintf("GETRANGE %s 0 16383; PTTL %s", key, key)
}
