package tools

import (
	"context"
	"slices"
	"time"

	"payops-mcp/rediscache-mcp/internal/diagnose"
	"payops-mcp/rediscache-mcp/internal/redisdb"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
	"payops-mcp/shared/tool"
)

// IdempotencyIn are the arguments of idempotency_lookup.
type IdempotencyIn struct {
	MerchantID     string `json:"merchant_id" jsonschema:"exact id, as in the payment's row" min:"1" max:"200"`
	IdempotencyKey string `json:"idempotency_key" jsonschema:"exact key that the merchant sent" min:"1" max:"500"`
}

// IdempotencyData are the facts of idempotency_lookup.
type IdempotencyData struct {
	MerchantID     foreign.Text   `json:"merchant_id"`
	IdempotencyKey foreign.Text   `json:"idempotency_key"`
	Found          *bool          `json:"found"` // null: it could not be read
	Cached         *CachedPayment `json:"cached_answer"`
	ExpiresInS     *int64         `json:"expires_in_s"` // null: not there, no TTL, or not known
	ConfiguredTTLS int64          `json:"configured_ttl_s"`
	TTLFrom        string         `json:"configured_ttl_is"` // set or assumed
	Key            foreign.Text   `json:"key"`
	Notes          []string       `json:"notes,omitempty"`
	ConfirmWith    string         `json:"confirm_with,omitempty"` // the tool that knows what Redis does not
}

// CachedPayment is the answer that a repeated request gets. A null could not be
// read.
type CachedPayment struct {
	PaymentID *int64       `json:"payment_id"`
	Status    string       `json:"status,omitempty"` // when it was cached, not now
	Amount    *int64       `json:"amount"`
	Currency  string       `json:"currency,omitempty"`
	CreatedAt foreign.Text `json:"created_at,omitempty"`
	Sound     *bool        `json:"sound"` // null: only the head of a long body was read
}

// answerBytes of a cached body are read: a sound one has some 300, and one of
// many megabytes must not come over the wire.
const answerBytes = 16 << 10

func (d Deps) handleIdempotencyLookup(ctx context.Context, in IdempotencyIn) (report.Answer[IdempotencyData], error) {
	name := d.IdemKey.Key(in.MerchantID, in.IdempotencyKey)
	a := report.Answer[IdempotencyData]{Data: IdempotencyData{MerchantID: foreign.Text(in.MerchantID), IdempotencyKey: foreign.Text(in.IdempotencyKey),
		Key: foreign.Text(name), ConfiguredTTLS: int64(d.IdemTTL.TTL / time.Second), TTLFrom: setOrAssumed(d.IdemTTL.Set)}}
	if err := d.Scope.Check(in.MerchantID); err != nil {
		return a, err
	}
	shared := d.IdemKey.Ambiguous(in.MerchantID, in.IdempotencyKey)
	if shared && d.Scope.Limited() {
		return a, fault.New(fault.Refused, "Ask query_payments of dbquery-mcp: the database keeps merchant and key apart",
			"Redis has one key for this merchant and key, and for another merchant with a longer or shorter id (%s), who may be outside of this server's merchant scope", d.IdemKey)
	}
	ctx, cancel := redisdb.Within(ctx)
	defer cancel()
	reading := d.Redis.Heads(ctx, []string{name}, answerBytes).In(d.Zone)
	head := reading.Counters[0]
	server := reading.Servers[head.Server]
	key := diagnose.IdemKey{Merchant: foreign.Text(in.MerchantID).Quoted(), Head: head, Lifetime: d.IdemTTL, Source: server.Source.Name, Clock: server.Clock}

	serverFindings, serverCodes, _ := diagnose.Servers(reading.Servers)
	keyFindings, keyCodes := diagnose.CachedKey(key)
	a.Findings = slices.Concat(keyFindings, serverFindings, diagnose.Failures(reading.Servers))
	a.Sources = sourcesOf(reading.Servers)
	a.Data.Found = key.Found()
	doubt := ""
	switch {
	case a.Data.Found == nil:
		a.Coverage.Looked = []string{"0 of 1 key, by exact name"}
	case !*a.Data.Found:
		a.Coverage.Looked = []string{"1 of 1 key, by exact name"}
		a.Data.Notes = append(a.Data.Notes, d.notCached(server)...)
		a.Data.ConfirmWith = "query_payments"
		doubt = d.meantIdem(ctx, in)
		if doubt == "" && server.Info != nil && server.Info.Own.Keys == 0 {
			doubt = besides([]redisdb.Server{server})
		}
	default:
		a.Coverage.Looked = []string{"1 of 1 key, by exact name"}
		doubt = a.Data.describe(key)
	}
	if shared {
		a.Data.Notes = append(a.Data.Notes, "another merchant with a longer or shorter id can have the same Redis key ("+d.IdemKey.String()+"), and the cached answer does not name its merchant: check the payment's")
		a.Data.ConfirmWith = "query_payments"
	}
	a.Because = doubt
	a.Conclude(slices.Concat(keyCodes, serverCodes)...)
	var notes []string
	a.AsOf, notes = d.asOf(reading)
	a.Data.Notes = append(a.Data.Notes, notes...)
	a.Summary = idemSummary(key, a.Data, reading.Servers)
	return a, nil
}

func (d Deps) idempotencyLookup() tool.Tool {
	return tool.Read(tool.Spec{
		Name:  "idempotency_lookup",
		Title: "Look up a cached idempotent answer",
		Description: "What is a repeated authorize request of a merchant answered with from Redis: the payment, when that expires, and whether the cached body is sound. " +
			"Reach for it when a merchant reports a double charge, a 409, or an answer of another payment. " +
			"Not in the cache is not free to use: Redis forgets after minutes, the database's unique key does not; query_payments of dbquery-mcp knows.",
		Examples: []string{`{"merchant_id":"MERCHANT-8","idempotency_key":"order-20251120-7"}`},
	}, d.handleIdempotencyLookup)
}
