package tools_test

import (
	"testing"
	"time"

	"payops-mcp/rediscache-mcp/internal/keyspace"
	"payops-mcp/rediscache-mcp/internal/limiter"
	"payops-mcp/rediscache-mcp/internal/redisdb"
	"payops-mcp/rediscache-mcp/internal/tools"
	"payops-mcp/shared/tooltest"
)

// zone is not the one of the machines these tests run on.
var zone = time.FixedZone("KST", 9*3600)

func limits(set bool) map[keyspace.Action]limiter.Limit {
	all := map[keyspace.Action]limiter.Limit{}
	for a, capacity := range map[keyspace.Action]int64{keyspace.Authorize: 24000, keyspace.Capture: 24000, keyspace.Refund: 1000} {
		all[a] = limiter.Limit{Capacity: capacity, Window: time.Minute, CapacitySet: set, WindowSet: set}
	}
	return all
}

// deps asks url, with limits that are set.
func deps(t *testing.T, url string) tools.Deps {
	t.Helper()
	d := tools.Deps{Limits: limits(true), Zone: zone}
	if err := d.RateKey.UnmarshalText([]byte("rate:{action}:{merchant_id}")); err != nil {
		t.Fatal(err)
	}
	target, err := redisdb.Parse(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	db := redisdb.Open(target)
	t.Cleanup(func() { _ = db.Close() })
	d.Redis = db
	return d
}

func TestConventions(t *testing.T) {
	all := tools.All(deps(t, "redis://127.0.0.1:1"))
	c := tooltest.New(t, all...)
	tooltest.Conventions(t, c, all)
	tooltest.GoldenList(t, c)
}
