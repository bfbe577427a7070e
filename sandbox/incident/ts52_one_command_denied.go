package incident

import (
	"context"
	"errors"
	"time"

	"payops-mcp/sandbox/stack"
)

// TS-52: the account of the server may not run one of the commands that it needs.
// What the others tell is still told, and nothing is called healthy for want of it.
var _ = add(Incident{ID: "TS-52", Parts: stack.PartRedis,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		c := counter{merchant: w.merchant(), action: w.anyAction(), ttl: window * time.Second}
		c.count = w.between(10, limits[c.action]/2)
		did, err := c.set(ctx, w)
		if err != nil {
			return did, err
		}
		command := []string{"pttl", "getrange", "info", "scan"}[w.between(0, 3)]
		did.Kept["command"], did.Quotes = command, []string{"NOPERM", command}
		switch command {
		case "info":
			did.Asks = append(did.Asks, askCacheStats())
		case "scan":
			did.Asks = []Ask{askHitting(), askTTLs(), askCacheStats()}
		default:
			did.Asks = append(did.Asks, askHitting())
		}
		return did, w.Stack.Redis.Admin().ACLSetUser(ctx, stack.RedisReaderUser, "-"+command).Err()
	},
	Undo: func(ctx context.Context, w *World, did Injected) error {
		err := deleteKept(ctx, w, did)
		if command := did.Kept["command"]; command != "" {
			err = errors.Join(err, w.Stack.Redis.Admin().ACLSetUser(ctx, stack.RedisReaderUser, "+"+command).Err())
		}
		return err
	},
})
