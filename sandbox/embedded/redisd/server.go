package redisd

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
)

// Options say what the server is.
type Options struct {
	// Addr is where it listens.
	Addr string
	// Accounts are names and passwords. The default account is off.
	Accounts map[string]string
	// Reader is the account that may only read.
	Reader string
	// MaxMemory is the limit in bytes, "0" for none; see Settings of Redis.
	MaxMemory string
}

// Server is a running Redis.
type Server struct {
	options Options
	mini    *miniredis.Miniredis
	begun   time.Time
	runID   string
	stop    chan struct{}
	wait    sync.WaitGroup

	mu       sync.Mutex
	users    map[*server.Peer]string // who has come in
	settings map[string]string
	calls    map[string]int64 // of commands, by name
	errors   map[string]int64 // replies, by first word
	hits     int64
	misses   int64
	expired  int64
	slow     []entry
	slowID   int
	size     size
}

// step is how often keys that have ended go away.
const step = 100 * time.Millisecond

// Start starts a server.
func Start(o Options) (*Server, error) {
	id := make([]byte, 20)
	if _, err := rand.Read(id); err != nil {
		return nil, err
	}
	s := &Server{
		options: o, mini: miniredis.NewMiniRedis(), begun: time.Now(), runID: hex.EncodeToString(id), stop: make(chan struct{}),
		users: map[*server.Peer]string{}, calls: map[string]int64{}, errors: map[string]int64{},
		settings: map[string]string{
			"maxmemory": o.MaxMemory, "maxmemory-policy": "noeviction", "save": "", "appendonly": "no",
			"stop-writes-on-bgsave-error": "yes", "slowlog-log-slower-than": "10000", "slowlog-max-len": "128",
			"maxclients": "10000", "databases": "16", "timeout": "0",
		},
	}
	if err := s.mini.StartAddr(o.Addr); err != nil {
		return nil, fmt.Errorf("embedded Redis: %w", err)
	}
	for name, password := range o.Accounts {
		s.mini.RequireUserAuth(name, password)
	}
	s.mini.Server().SetPreHook(s.before)
	s.wait.Go(s.pass)
	return s, nil
}

// pass lets time pass: miniredis's keys do not grow older by themselves.
func (s *Server) pass() {
	tick := time.NewTicker(step)
	defer tick.Stop()
	for last := time.Now(); ; {
		select {
		case <-s.stop:
			return
		case <-tick.C:
		}
		now := time.Now()
		before := len(s.mini.Keys())
		s.mini.FastForward(now.Sub(last))
		if gone := before - len(s.mini.Keys()); gone > 0 {
			s.mu.Lock()
			s.expired += int64(gone)
			s.mu.Unlock()
		}
		last = now
	}
}

// Addr is where it listens.
func (s *Server) Addr() string { return s.mini.Addr() }

// Close ends the server and its data.
func (s *Server) Close() {
	close(s.stop)
	s.wait.Wait()
	s.mini.Close()
}
