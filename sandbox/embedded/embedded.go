// Package embedded starts a living payment system that needs nothing but this
// program: the payment system's own processes inside of it, on stand-ins for
// MariaDB, Redis, Kafka and Prometheus. It is for a first look on a machine
// that has none of them, on Linux, macOS and Windows. What a stand-in cannot
// do, and that it proves nothing, stands in its package.
package embedded

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"payops-mcp/sandbox/embedded/kafkad"
	"payops-mcp/sandbox/embedded/mariadb"
	"payops-mcp/sandbox/embedded/prom"
	"payops-mcp/sandbox/embedded/redisd"
	"payops-mcp/sandbox/faultnet"
	"payops-mcp/sandbox/port"
	"payops-mcp/sandbox/stack"
)

// servers are the stand-ins of one system.
type servers struct {
	dir     string
	closers []func() error
	prom    *prom.Server
}

// Start starts a system. Of the options those about the data, the payment
// system and its traffic count.
func Start(ctx context.Context, o stack.Options) (*stack.Stack, error) {
	s := &servers{}
	a, err := s.start(ctx)
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return stack.Assemble(ctx, small(o), a)
}

// small fits a system to what the stand-ins can bear: each change of a row
// costs time in proportion to its table's size, and every poll takes its turn.
func small(o stack.Options) stack.Options {
	if o.Rate == 0 {
		o.Rate = 2
	}
	if o.Seed != nil && o.Seed.Payments == 0 {
		data := *o.Seed
		data.Payments = 200
		o.Seed = &data
	}
	settings := map[string]string{"OUTBOX_POLLING_INTERVAL": "250ms", "PAYSIM_DB_MAX_CONNS": "8"}
	maps.Copy(settings, o.Paysim)
	o.Paysim = settings
	return o
}

func (s *servers) start(ctx context.Context) (a stack.Assembly, err error) {
	if s.dir, err = os.MkdirTemp("", "payops-embedded-*"); err != nil {
		return a, err
	}
	s.closers = append(s.closers, func() error { return os.RemoveAll(s.dir) })
	a = stack.Assembly{
		Dir: s.dir, Prometheus: s.prometheus, SetTargets: s.setTargets, Close: s.close,
		Passwords:      stack.Passwords{Reader: rand.Text(), App: rand.Text(), Admin: rand.Text()},
		RedisPasswords: stack.RedisPasswords{Reader: rand.Text(), Admin: rand.Text()},
	}
	for shard := range 2 {
		server, err := s.mariadb(ctx, shard+1, a.Passwords)
		if err != nil {
			return a, err
		}
		a.Shards = append(a.Shards, server)
	}
	if a.Redis, err = s.redis(a.RedisPasswords); err != nil {
		return a, err
	}
	a.Kafka, err = s.kafka()
	return a, err
}

// close ends what was started, last first.
func (s *servers) close() error {
	var err error
	for _, end := range slices.Backward(s.closers) {
		err = errors.Join(err, end())
	}
	s.closers = nil
	return err
}

// listen takes a free port of this machine.
func listen() (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }

// behind puts a proxy in front of a stand-in: what is stopped refuses, what is
// frozen stays silent, and its data stays.
func (s *servers) behind(upstream string) (stack.Server, error) {
	// Its own port is as good as any: it is taken as long as this process lives.
	proxy, err := faultnet.Listen("127.0.0.1:0", upstream)
	if err != nil {
		return stack.Server{}, err
	}
	s.closers = append(s.closers, proxy.Close)
	return stack.Server{Addr: proxy.Addr(), ClientAddr: proxy.Addr(), Control: proxied{proxy}}, nil
}

// proxied controls a stand-in by the proxy in front of it.
type proxied struct{ proxy *faultnet.Proxy }

func (p proxied) Do(_ context.Context, verb string) error {
	switch verb {
	case "stop", "kill":
		return p.proxy.Set(faultnet.Fault{Mode: faultnet.Refuse})
	case "pause":
		return p.proxy.Set(faultnet.Fault{Mode: faultnet.BlackHole})
	default:
		return p.proxy.Set(faultnet.Fault{})
	}
}

func (p proxied) Network(_ context.Context, f faultnet.Fault) error { return p.proxy.Set(f) }

func (s *servers) mariadb(ctx context.Context, shard int, p stack.Passwords) (stack.Server, error) {
	l, err := listen()
	if err != nil {
		return stack.Server{}, err
	}
	m, err := mariadb.Start(ctx, mariadb.Options{
		Shard: shard, Listener: l, Database: stack.Database, Schema: stack.Schema,
		Accounts: []mariadb.Account{
			{Name: stack.ReaderUser, Password: p.Reader, Reader: true},
			{Name: stack.AppUser, Password: p.App}, {Name: stack.AdminUser, Password: p.Admin},
		},
	})
	if err != nil {
		return stack.Server{}, err
	}
	s.closers = append(s.closers, m.Close)
	return s.behind(l.Addr().String())
}

func (s *servers) redis(p stack.RedisPasswords) (stack.Server, error) {
	r, err := redisd.Start(redisd.Options{
		Addr: "127.0.0.1:0", Reader: stack.RedisReaderUser, MaxMemory: "268435456",
		Accounts: map[string]string{stack.RedisReaderUser: p.Reader, stack.RedisAdminUser: p.Admin},
	})
	if err != nil {
		return stack.Server{}, err
	}
	s.closers = append(s.closers, func() error {
		r.Close()
		return nil
	})
	return s.behind(r.Addr())
}

// kafka has no proxy: a broker tells its clients its own address.
func (s *servers) kafka() (stack.Server, error) {
	addr, err := port.Free()
	if err != nil {
		return stack.Server{}, err
	}
	k, err := kafkad.New(addr, filepath.Join(s.dir, "kafka"))
	if err != nil {
		return stack.Server{}, err
	}
	if err := k.Start(); err != nil {
		return stack.Server{}, err
	}
	s.closers = append(s.closers, func() error {
		k.Stop()
		return nil
	})
	return stack.Server{Addr: addr, ClientAddr: addr, Control: cluster{k}}, nil
}

// cluster controls Kafka.
type cluster struct{ kafka *kafkad.Cluster }

func (c cluster) Do(_ context.Context, verb string) error {
	switch verb {
	case "stop", "kill":
		c.kafka.Stop()
		return nil
	case "start":
		return c.kafka.Start()
	default:
		return fmt.Errorf("embedded Kafka cannot %s; use real children for that", verb)
	}
}

func (c cluster) Network(context.Context, faultnet.Fault) error { return stack.ErrNotProxied }

func (s *servers) prometheus(jobs map[string][]stack.Target) (stack.Server, error) {
	o := prom.Options{Interval: time.Second, Retention: time.Hour}
	for job, targets := range jobs {
		o.Targets = append(o.Targets, scrapes(job, targets)...)
	}
	l, err := listen()
	if err != nil {
		return stack.Server{}, err
	}
	s.prom = prom.New(o)
	server := &http.Server{Handler: s.prom.Handler(), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(l) }()
	s.closers = append(s.closers, func() error {
		err := server.Close()
		s.prom.Close()
		return err
	})
	return s.behind(l.Addr().String())
}

func (s *servers) setTargets(job string, targets []stack.Target) error {
	s.prom.SetTargets(job, scrapes(job, targets)...)
	return nil
}

func scrapes(job string, targets []stack.Target) []prom.Target {
	var all []prom.Target
	for _, t := range targets {
		all = append(all, prom.Target{Job: job, URL: "http://" + t.Addr + "/actuator/prometheus", Labels: t.Labels})
	}
	return all
}
