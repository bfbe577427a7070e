package stack

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"payops-mcp/sandbox/stack/proc"
)

// The accounts of Redis; the default one is off.
const (
	RedisReaderUser = "payro"
	RedisAdminUser  = "admin"
)

// RedisReaderRights is all that the reader may do: read any key, look at the
// server, and speak the protocol. KEYS is a read command that stops the server
// for everybody, and not needed.
const RedisReaderRights = "~* &* -@all +@read -keys +info +slowlog|get +config|get +client|list +client|id +memory|usage +ping +hello +auth +select +command"

// Redis is the one Redis server.
type Redis struct {
	service
	readerPassword, adminPassword string

	mu    sync.Mutex
	admin *redis.Client
}

// URL is how the account of that name connects to the server itself.
func (r *Redis) URL(user string) string { return r.url(user, r.addr) }

func (r *Redis) url(user, addr string) string {
	password := r.readerPassword
	if user == RedisAdminUser {
		password = r.adminPassword
	}
	u := url.URL{Scheme: "redis", User: url.UserPassword(user, password), Host: addr, Path: "/0"}
	return u.String()
}

// quiet keeps go-redis from writing to stderr what it returns as an error
// anyway: servers are away on purpose here.
var quiet = sync.OnceFunc(logging.Disable)

// Client returns a new client of the account of that name, which gives up at
// once when the server is away; the caller closes it.
func (r *Redis) Client(user string) (*redis.Client, error) {
	quiet()
	o, err := redis.ParseURL(r.URL(user))
	if err != nil {
		return nil, err
	}
	o.MaxRetries, o.DialerRetries, o.ContextTimeoutEnabled = -1, 1, true
	// The reader may not name itself, and servers before 7.2 know no names.
	o.DisableIdentity = true
	return redis.NewClient(o), nil
}

// Admin is a client that may do everything. Close of the stack closes it.
func (r *Redis) Admin() *redis.Client {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.admin == nil {
		c, err := r.Client(RedisAdminUser)
		if err != nil {
			panic(fmt.Sprintf("stack: URL of redis: %v", err))
		}
		r.admin = c
	}
	return r.admin
}

func (r *Redis) closeClients() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.admin == nil {
		return nil
	}
	return r.admin.Close()
}

// Launch is Start that does not wait until Redis has loaded its data.
func (r *Redis) Launch(ctx context.Context) error { return r.do(ctx, verbLaunch) }

// RedisDir is where Redis has its configuration, redis.conf, and its data; "" where
// that is not known.
func (s *Stack) RedisDir() string {
	if s.Dir == "" {
		return ""
	}
	return filepath.Join(s.Dir, "redis")
}

// ping asks once whether the server lets the administrator in and has loaded
// its data.
func (r *Redis) ping(ctx context.Context) error {
	c, err := r.Client(RedisAdminUser)
	if err != nil {
		return err
	}
	return errors.Join(c.Ping(ctx).Err(), c.Close())
}

// RedisSettings are the lines of redis.conf that do not depend on where the
// server runs. Every write is logged, so that data survives a stop and a kill;
// nothing waits for the disk.
func RedisSettings(adminPassword, readerPassword string) []string {
	return []string{
		"daemonize no",
		`save ""`,
		"appendonly yes",
		"appendfsync no",
		"maxmemory 256mb",
		"maxmemory-policy noeviction",
		"slowlog-log-slower-than 1000",
		"latency-monitor-threshold 1",
		// Nobody may log in as it. It keeps its rights, because redis-server replays
		// its log of writes as this user and drops every MULTI without them.
		"user default off ~* &* +@all",
		fmt.Sprintf("user %s on >%s ~* &* +@all", RedisAdminUser, adminPassword),
		fmt.Sprintf("user %s on >%s %s", RedisReaderUser, readerPassword, RedisReaderRights),
	}
}

// redisConf is the whole configuration.
func (r *Redis) redisConf(addr, dir string) string {
	place := []string{"bind 127.0.0.1", "port " + portOf(addr), "dir " + dir}
	return strings.Join(append(place, RedisSettings(r.adminPassword, r.readerPassword)...), "\n") + "\n"
}

func (s *Stack) startRedis(ctx context.Context) (*Redis, error) {
	server, err := binary("redis-server")
	if err != nil {
		return nil, err
	}
	dir := s.RedisDir()
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	r := &Redis{readerPassword: rand.Text(), adminPassword: rand.Text()}
	_, err = s.launch(ctx, &r.service, "redis", time.Now(), func(addr string) (proc.Spec, error) {
		conf := filepath.Join(dir, "redis.conf")
		return proc.Spec{Path: server, Args: []string{conf}}, os.WriteFile(conf, []byte(r.redisConf(addr, dir)), 0o600)
	}, r.ping)
	if err != nil {
		return nil, err
	}
	return r, nil
}
