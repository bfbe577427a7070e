package stack

import (
	"context"
	"database/sql"
	"path/filepath"
	"time"

	"github.com/redis/go-redis/v9"

	"payops-mcp/sandbox/seed"
)

// seed fills the shards and Redis, and keeps what is in flight young.
func (s *Stack) seed(ctx context.Context) error {
	if s.options.Seed == nil || len(s.Shards) == 0 {
		return nil
	}
	begin := time.Now()
	shards := s.Databases()
	now, err := seed.ServerNow(ctx, shards[0])
	if err != nil {
		return err
	}
	options := *s.options.Seed
	living := s.options.Parts.Has(PartPaysim)
	options.Settled = options.Settled || living
	plan, err := seed.NewPlan(options, len(shards), now)
	if err != nil {
		return err
	}
	if err := plan.Load(ctx, shards); err != nil {
		return err
	}
	var rdb redis.Cmdable
	if s.Redis != nil {
		rdb = s.Redis.Admin()
		if err := plan.LoadRedis(ctx, rdb); err != nil {
			return err
		}
	}
	if err := plan.Write(filepath.Join(s.Dir, planFile)); err != nil {
		return err
	}
	s.Plan = plan
	s.log.printf("seeded %d payments a shard (%.1f s)", plan.Options.Payments, time.Since(begin).Seconds())
	// A living system keeps what is under way young by getting it done.
	if s.options.KeepFresh < 0 || living {
		return nil
	}
	if err := plan.Freshen(ctx, shards, rdb); err != nil {
		return err
	}
	s.fresh = newFresher(func(ctx context.Context) {
		plan.KeepFresh(ctx, s.options.KeepFresh, shards, rdb, func(err error) { s.log.printf("%v", err) })
	})
	s.fresh.resume()
	return nil
}

// Databases are the administrator's pools, by shard.
func (s *Stack) Databases() []*sql.DB {
	dbs := make([]*sql.DB, len(s.Shards))
	for i, m := range s.Shards {
		dbs[i] = m.Admin()
	}
	return dbs
}
