// Package tools is rediscache-mcp on one screen: one tool a line, one file a tool.
package tools

import (
	"context"
	"time"

	"payops-mcp/rediscache-mcp/internal/keyspace"
	"payops-mcp/rediscache-mcp/internal/limiter"
	"payops-mcp/rediscache-mcp/internal/redisdb"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/scope"
	"payops-mcp/shared/tool"
)

// Redis is what the tools ask.
type Redis interface {
	Counters(ctx context.Context, keys []string) redisdb.Reading
	Heads(ctx context.Context, keys []string, bytes int) redisdb.Reading
	Survey(ctx context.Context, keys []string, seen map[string]redisdb.Seen) redisdb.Reading
	Scan(ctx context.Context, spec redisdb.ScanSpec, visit func(redisdb.Found)) redisdb.Scan
	Stats(ctx context.Context) []redisdb.Server
	Remember(ctx context.Context, all, lasting int64, some []string)
	Sizes(ctx context.Context, keys []string) []redisdb.KeySize
	Idle(ctx context.Context, keys []redisdb.KeySize)
	Exist(ctx context.Context, keys []string) ([]bool, *fault.Failure)
	Clear(ctx context.Context, key string, shown redisdb.Sight) redisdb.Clearing
}

// Deps is what the tools work with.
type Deps struct {
	Redis   Redis
	RateKey keyspace.RateTemplate
	Limits  map[keyspace.Action]limiter.Limit
	IdemKey keyspace.IdemTemplate
	IdemTTL limiter.Lifetime
	Scope   scope.Merchants
	Zone    *time.Location
	// Clearance is nil unless the operator allows clear_rate_limit.
	Clearance *Clearance
}

// All returns every tool of the server.
func All(d Deps) []tool.Tool {
	all := []tool.Tool{
		d.checkRateLimit(),
		d.idempotencyLookup(),
		d.findMerchantsHittingLimits(),
		d.listRateLimitKeys(),
		d.ttlAnalysis(),
		d.cacheStats(),
	}
	if d.Clearance != nil {
		all = append(all, d.clearRateLimit())
	}
	return all
}
