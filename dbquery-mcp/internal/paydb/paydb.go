// Package paydb asks the payment databases: all shards side by side, each in a
// transaction that is read-only and always rolled back, each statement bounded in
// time at the server. One file holds one question, its SQL on top.
//
// Nothing dials before it is asked. A shard that does not answer is part of the
// reply, never an error of the call.
package paydb

import (
	"crypto/tls"
	"database/sql"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

// Limits of our own towards each shard.
const (
	// openTimeout bounds the wait for a connection of our own, and then connecting,
	// the handshake, and all that comes before the first question.
	openTimeout = 5 * time.Second
	// lifeSign is how long a connection from the pool may take to answer at all.
	lifeSign = 2 * time.Second
	// maxConns is how many questions one shard is asked at once; the rest wait.
	maxConns = 4
	// idleTime is how long an unused connection is kept: a database in trouble
	// needs its connections for the payment system.
	idleTime = 30 * time.Second
	lifetime = 5 * time.Minute
	// answerGrace is how long beyond its limit at the server a statement may stay
	// unanswered before the connection counts as dead.
	answerGrace = time.Second
	// answerLead is how much earlier than the call a statement ends, so that the
	// server's own word on it arrives.
	answerLead = 100 * time.Millisecond
)

// Secret is a password that does not print.
type Secret interface{ Reveal() string }

// Settings are where one shard is and as whom to ask it.
type Settings struct {
	Name     string // shard1
	Host     string
	Port     int
	User     string
	Password Secret
	Database string
	TLS      *tls.Config // nil: no TLS
}

// Options are the same for all shards.
type Options struct {
	StatementTimeout time.Duration // limit of a statement; the account's own counts where it is shorter
	RequireReadOnly  bool          // refuse accounts that may do more than read
}

// DB is the payment database, one or more shards.
type DB struct{ shards []*shard }

// shard is one database and the connections to it.
type shard struct {
	name, addr, user, database string
	options                    Options
	pool                       *sql.DB
	side                       *sql.DB       // for KILL QUERY: never waits for the pool
	slots                      chan struct{} // one for each connection that may be in use
	unset                      *fault.Failure
}

// New makes a DB and does not dial.
func New(shards []Settings, options Options) *DB {
	db := &DB{}
	for _, s := range shards {
		db.shards = append(db.shards, newShard(s, options))
	}
	return db
}

// NotConfigured is the class of a database that the settings do not name.
const NotConfigured fault.Class = "not_configured"

// Unset is a DB of one shard that is not to be asked; said and next are what each
// answer then tells.
func Unset(name, said, next string) *DB {
	f := &fault.Failure{Class: NotConfigured, Said: foreign.Text(said), Next: next}
	return &DB{shards: []*shard{{name: name, unset: f}}}
}

// Close closes the idle connections.
func (db *DB) Close() {
	for _, s := range db.shards {
		if s.unset == nil {
			_ = s.pool.Close() // nothing is written, so nothing is lost
			_ = s.side.Close()
		}
	}
}

// Shards returns the names of the shards, in order.
func (db *DB) Shards() []string {
	names := make([]string, len(db.shards))
	for i, s := range db.shards {
		names[i] = s.name
	}
	return names
}

func newShard(s Settings, options Options) *shard {
	addr := net.JoinHostPort(s.Host, strconv.Itoa(s.Port))
	inner, err := mysql.NewConnector(driverConfig(s, addr, options))
	if err != nil {
		panic("paydb: the driver refuses the way we connect: " + err.Error()) // nothing in it comes from the settings
	}
	one := &shard{
		name: s.Name, addr: addr, user: s.User, database: s.Database, options: options,
		pool: sql.OpenDB(connector{inner}), side: sql.OpenDB(connector{inner}), slots: make(chan struct{}, maxConns),
	}
	one.pool.SetMaxOpenConns(maxConns)
	one.pool.SetMaxIdleConns(maxConns)
	one.pool.SetConnMaxIdleTime(idleTime)
	one.pool.SetConnMaxLifetime(lifetime)
	one.side.SetMaxIdleConns(-1)
	return one
}

func (s *shard) source() string { return strings.TrimSpace("payment-db " + s.name + " " + s.addr) }
