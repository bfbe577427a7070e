// Package redisdb asks a Redis: one server, the master that Sentinel names, or a
// cluster. It reads keys by their exact names or in a scan, and what the server
// says of itself, and asks for nothing that an account with
//
//	-@all +@read +info +config|get +memory|usage +slowlog|get
//
// may not do (a cluster client also needs +cluster|slots and, to follow keys that are
// moved, +asking, to scan replicas, +readonly; a database other than 0 also +select).
// The one exception is Clear, which deletes a counter and needs +eval and +del. Nothing
// is dialled before the first question.
package redisdb

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

const (
	// askTimeout bounds one question with all that is asked again. Of it a round
	// trip may take replyTimeout, and a TCP connection dialTimeout: the shorter
	// one ends first, so that "does not accept" and "accepts and says nothing"
	// can be told apart.
	askTimeout   = 5 * time.Second
	replyTimeout = 3 * time.Second
	dialTimeout  = 2 * time.Second
	// poolSize is far above what a server of ours has in flight, because go-redis
	// stops dialling after that many failed dials in the life of a client, and
	// from then on repeats the last error to callers while it probes once a second.
	poolSize = 1024
	maxIdle  = 4
	// bufferSize fits a whole INFO.
	bufferSize = 8 << 10
)

// DB asks one target. It is safe for concurrent use.
type DB struct {
	target  Target
	client  *redis.Client        // one server, or Sentinel's master
	cluster *redis.ClusterClient // a cluster; then client is nil
	unset   *fault.Failure       // no target: every question fails with it

	mu      sync.Mutex
	stats   map[string]known         // by node: what the last Stats said
	before  map[string]Info          // by node: what INFO said last, to see what has grown since
	besides map[string]*redis.Client // of replicas and nodes beside, from their first use

	lookups lookups
}

// silence is for what go-redis would print: it is in our answers, where it belongs
// to a question.
var silence = sync.OnceFunc(logging.Disable)

// Open prepares to ask a target. It does not dial.
func Open(t Target) *DB {
	silence()
	o := &redis.UniversalOptions{
		Addrs: t.addrs, DB: t.db, Username: t.user, Password: t.password,
		MasterName: t.master, SentinelUsername: t.sentinelUser, SentinelPassword: t.sentinelPass,
		// An answer a second late is worse than the truth about one failure: no
		// retries behind our back. RESP2 has no pushes that would need an eye kept
		// on idle connections, and without name and version (CLIENT SETNAME,
		// SETINFO) connecting takes nothing but HELLO, which needs no rights.
		Protocol: 2, DisableIdentity: true, MaxRetries: -1, MaxRedirects: -1, DialerRetries: 1,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		Dialer:                   dialer(t.tls),
		DialTimeout:              dialTimeout, ReadTimeout: replyTimeout, WriteTimeout: replyTimeout, ContextTimeoutEnabled: true,
		PoolSize: poolSize, PoolTimeout: askTimeout, MaxIdleConns: maxIdle, ConnMaxIdleTime: 5 * time.Minute, PipelinePoolSize: -1,
		ReadBufferSize: bufferSize, WriteBufferSize: bufferSize,
	}
	db := &DB{target: t, before: map[string]Info{}, stats: map[string]known{}, besides: map[string]*redis.Client{}}
	switch t.kind {
	case cluster:
		db.cluster = redis.NewClusterClient(o.Cluster())
		db.cluster.OnNewNode(func(node *redis.Client) { node.AddHook(&db.lookups) })
	case sentinel:
		db.client = redis.NewFailoverClient(o.Failover())
	default:
		db.client = redis.NewClient(o.Simple())
	}
	if db.client != nil {
		db.client.AddHook(&db.lookups)
	}
	return db
}

// NotConfigured is the class of failure of a DB without a target.
const NotConfigured fault.Class = "not_configured"

// Unset is a DB that has no target: it answers every question with the reason.
func Unset(reason, next string) *DB {
	return &DB{unset: &fault.Failure{Class: NotConfigured, Said: foreign.Text(reason), Next: next}}
}

// Close closes the connections.
func (db *DB) Close() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	for _, c := range db.besides {
		_ = c.Close() // it only ever read
	}
	switch {
	case db.cluster != nil:
		return db.cluster.Close()
	case db.client != nil:
		return db.client.Close()
	}
	return nil
}

// String names the target, without secrets.
func (db *DB) String() string {
	if db.unset != nil {
		return "redis"
	}
	return db.target.String()
}

// Patience is how long a scan waits for one answer beyond its budget.
const Patience = replyTimeout

// Budget is how long a scan may take that is allowed want: it leaves more than a
// third of a shorter deadline for what follows it.
func Budget(ctx context.Context, want time.Duration) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return min(want, time.Until(deadline)*6/10)
	}
	return want
}

// Within bounds a question, however many steps it takes. It leaves the caller a
// tenth of a short deadline, to say what was found by then.
func Within(ctx context.Context) (context.Context, context.CancelFunc) {
	limit := askTimeout
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline)*9/10)
	}
	return context.WithTimeout(ctx, limit)
}
