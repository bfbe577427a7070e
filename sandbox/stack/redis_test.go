package stack_test

import (
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"payops-mcp/sandbox/stack"
	"payops-mcp/sandbox/stack/stacktest"
)

func TestRedisRights(t *testing.T) {
	s := stacktest.Start(t, stack.PartRedis)
	ctx := t.Context()
	if err := s.Redis.Admin().Set(ctx, "rate:authorize:M-1", "5", 0).Err(); err != nil {
		t.Fatal(err)
	}
	o, err := redis.ParseURL(s.Env()["REDIS_URL"])
	if err != nil {
		t.Fatal(err)
	}
	reader := redis.NewClient(o)
	defer func() { _ = reader.Close() }()
	for _, allowed := range []string{
		"PING", "GET rate:authorize:M-1", "TTL rate:authorize:M-1", "TYPE rate:authorize:M-1", "SCAN 0 COUNT 10", "INFO all", "DBSIZE",
		"SLOWLOG GET 5", "CONFIG GET maxmemory", "CLIENT LIST", "CLIENT ID", "MEMORY USAGE rate:authorize:M-1", "OBJECT IDLETIME rate:authorize:M-1",
		"STRLEN rate:authorize:M-1", "EXISTS rate:authorize:M-1", "PTTL rate:authorize:M-1", "GETRANGE rate:authorize:M-1 0 10", "COMMAND COUNT",
	} {
		if err := reader.Do(ctx, words(allowed)...).Err(); err != nil {
			t.Errorf("%s: %v", allowed, err)
		}
	}
	for _, refused := range []string{
		"SET a 1", "DEL rate:authorize:M-1", "UNLINK rate:authorize:M-1", "EXPIRE rate:authorize:M-1 5", "INCR rate:authorize:M-1", "GETDEL rate:authorize:M-1", "GETEX rate:authorize:M-1 EX 5",
		"FLUSHALL", "FLUSHDB", "KEYS *", "EVAL return(1) 0", "EVAL_RO return(1) 0", "SCRIPT FLUSH", "FUNCTION LIST", "CONFIG SET maxmemory 1", "CONFIG REWRITE", "SLOWLOG RESET",
		"CLIENT KILL ID 1", "CLIENT PAUSE 1", "SHUTDOWN", "REPLICAOF NO ONE", "ACL LIST", "SAVE", "BGSAVE", "MONITOR", "SUBSCRIBE a", "PUBLISH a b", "RENAME a b", "COPY a b", "RESTORE a 0 x", "SORT a STORE b", "MEMORY PURGE", "SWAPDB 0 1", "MIGRATE h 1 a 0 1",
	} {
		err := reader.Do(ctx, words(refused)...).Err()
		if err == nil || !strings.HasPrefix(err.Error(), "NOPERM") {
			t.Errorf("%s: %v, want NOPERM", refused, err)
		}
	}
	for name, url := range map[string]string{
		"nobody": "redis://" + s.Redis.Addr(), "default": "redis://default:x@" + s.Redis.Addr(), "wrong password": "redis://payro:x@" + s.Redis.Addr(),
	} {
		o, err := redis.ParseURL(url)
		if err != nil {
			t.Fatal(err)
		}
		c := redis.NewClient(o)
		if err := c.Get(ctx, "a").Err(); err == nil || !strings.HasPrefix(err.Error(), "NOAUTH") && !strings.HasPrefix(err.Error(), "WRONGPASS") {
			t.Errorf("%s: %v, want NOAUTH or WRONGPASS", name, err)
		}
		_ = c.Close()
	}
}

// words splits a command; none of its arguments has a blank.
func words(command string) []any {
	var all []any
	for w := range strings.FieldsSeq(command) {
		all = append(all, w)
	}
	return all
}
