package incident

import (
	"context"
	"crypto/rand"
	"net/url"

	"payops-mcp/sandbox/stack"
)

// TS-51: Redis does not let the server in: it was given no account, or the password
// has been changed since.
var _ = add(Incident{ID: "TS-51", Parts: stack.PartRedis,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askRateLimit(w.merchant(), w.anyAction()), askCacheStats(), askHitting(), askTTLs()},
			Quotes: []string{"NOAUTH"}}
		password, err := redisReader(w)
		if err != nil {
			return did, err
		}
		did.Never = []string{password}
		if w.between(0, 1) == 0 {
			did.Settings = map[string]string{"REDIS_URL": "redis://" + w.Stack.Redis.ClientAddr()}
			return did, nil
		}
		other := rand.Text()
		did.Quotes, did.Never = []string{"WRONGPASS"}, append(did.Never, other)
		return did, setRedisReader(ctx, w, other)
	},
	Undo: func(ctx context.Context, w *World, _ Injected) error {
		password, err := redisReader(w)
		if err != nil {
			return err
		}
		return setRedisReader(ctx, w, password)
	},
})

// redisReader is the password that the servers under test are given.
func redisReader(w *World) (string, error) {
	u, err := url.Parse(w.Stack.Redis.URL(stack.RedisReaderUser))
	if err != nil {
		return "", err
	}
	password, _ := u.User.Password()
	return password, nil
}

// setRedisReader changes the password at the server and ends the connections that
// came in with another.
func setRedisReader(ctx context.Context, w *World, password string) error {
	admin := w.Stack.Redis.Admin()
	if err := admin.ACLSetUser(ctx, stack.RedisReaderUser, "resetpass", ">"+password).Err(); err != nil {
		return err
	}
	return admin.Do(ctx, "CLIENT", "KILL", "USER", stack.RedisReaderUser).Err()
}
