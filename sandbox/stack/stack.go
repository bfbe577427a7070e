package stack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"payops-mcp/sandbox/faultnet"
	"payops-mcp/sandbox/ingest"
	"payops-mcp/sandbox/paysim/fleet"
	"payops-mcp/sandbox/paysim/traffic"
	"payops-mcp/sandbox/port"
	"payops-mcp/sandbox/seed"
	"payops-mcp/sandbox/stack/proc"
)

// Options say what to start. The zero value starts everything, empty.
type Options struct {
	// Parts is which services to start; 0 means All.
	Parts Parts
	// Dir is where the temporary folder goes; "" means /dev/shm where it is
	// large enough, else the system's folder for temporary files.
	Dir string
	// Log gets progress lines for a human; nil means nowhere.
	Log io.Writer
	// Proxied puts a TCP proxy in front of MariaDB, Redis, Prometheus and
	// Kafka, which Env then points to and Part.SetNetwork breaks.
	Proxied bool

	// Shards is how many MariaDB servers there are; 0 means 2. The payment
	// system's rule places merchants on the first two.
	Shards int
	// Seed, when set, fills the shards and Redis with a healthy system's data.
	Seed *seed.Options
	// KeepFresh has the data age as a running system's does, see
	// seed.Plan.Freshen: what is in flight stays in flight. Without it,
	// seeded data looks stuck after some minutes. 0 means every 5 s; less
	// than 0 means never.
	KeepFresh time.Duration

	// Paysim are settings of the payment system's processes, by the names in
	// paysim.Settings, for PartPaysim.
	Paysim map[string]string
	// Rate is how many payments merchants send in a second to PartPaysim; 0
	// means 10, less than 0 means none until Stack.SetLoad.
	Rate float64

	// IngestInstances is how many instances there are; 0 means 2.
	IngestInstances int
	// Ingest says how each of them is built; its addresses are ignored.
	Ingest ingest.Options

	// ScrapeInterval is how often Prometheus scrapes; 0 means 1 s.
	ScrapeInterval time.Duration
	// Retention is how long Prometheus keeps samples; 0 means 7 days, so that
	// history that was written into it stays.
	Retention time.Duration

	// KafkaVersion is one of KafkaVersions; "" means the newest.
	KafkaVersion string
	// KafkaBrokers is how many brokers there are; 0 means 1.
	KafkaBrokers int
}

func (o Options) withDefaults() Options {
	if o.Parts == 0 {
		o.Parts = All
	}
	if o.Shards == 0 {
		o.Shards = 2
	}
	if o.Rate == 0 {
		o.Rate = 10
	}
	if o.IngestInstances == 0 {
		o.IngestInstances = 2
	}
	if o.ScrapeInterval == 0 {
		o.ScrapeInterval = time.Second
	}
	if o.Retention == 0 {
		o.Retention = 7 * 24 * time.Hour
	}
	if o.KeepFresh == 0 {
		o.KeepFresh = 5 * time.Second
	}
	if o.KafkaVersion == "" {
		o.KafkaVersion = newestKafka()
	}
	return o
}

// Stack is a set of running services. Parts that were not asked for are nil.
type Stack struct {
	// Dir is the temporary folder; "" when the stack is on another machine.
	Dir        string
	Shards     []*MariaDB
	Redis      *Redis
	Prometheus *Prometheus
	// Ingest are the stand-ins for the ingest service; none in a living stack.
	Ingest []*Ingest
	// Paysim are the payment system's processes; none in a static stack.
	Paysim []*Paysim
	// Kafka is nil in a stack that was attached to; see KafkaBootstrap.
	Kafka *Kafka
	// StandIns says that it is on stand-ins for the servers, which cannot do all
	// that the real ones can.
	StandIns bool
	// Plan is what the data was made from, so that a test knows what must be
	// found in it; nil without Options.Seed.
	Plan *seed.Plan

	options    Options
	sup        *proc.Supervisor // nil when attached
	children   []*child
	kafka      kafkaAddrs
	controlURL string
	loadURL    string       // where the traffic is controlled
	server     *http.Server // serves controlURL; nil when attached
	log        logger

	fresh *fresher      // nil when nothing is kept fresh from here
	fleet *fleet.Fleet  // nil when attached, and without PartPaysim
	load  *traffic.Load // nil when attached, and without PartPaysim

	assembly *Assembly // nil unless Assemble made the stack

	mu        sync.Mutex // guards children while parts start side by side
	closeOnce sync.Once
	closeErr  error
}

// Start starts services side by side and returns when all of them answer. When
// one fails, all are ended.
func Start(ctx context.Context, o Options) (*Stack, error) {
	o = o.withDefaults()
	if err := o.Parts.validate(); err != nil {
		return nil, err
	}
	if missing := Missing(o.Parts); len(missing) > 0 {
		_, err := missing[0].find()
		return nil, err
	}
	parent := o.Dir
	if parent == "" {
		parent = roomyDir()
	}
	s := &Stack{options: o, log: logger{w: o.Log}}
	if swept, err := proc.Sweep(parent); err != nil || len(swept) > 0 {
		s.log.printf("removed what dead stacks left behind: %v (%v)", swept, err)
	}
	sup, err := proc.New(parent)
	if err != nil {
		return nil, err
	}
	s.sup, s.Dir = sup, sup.Dir()
	begin := time.Now()
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.log.printf("stack ready in %s (%.1f s)", s.Dir, time.Since(begin).Seconds())
	return s, nil
}

func (s *Stack) start(ctx context.Context) error {
	o := s.options
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if o.Parts.Has(PartIngest) {
		for n := range o.IngestInstances {
			i, err := startIngest(fmt.Sprintf("ingest%d", n+1), o.Ingest)
			if err != nil {
				return err
			}
			s.Ingest = append(s.Ingest, i)
			s.log.printf("%s ready on %s, control on %s", i.Name(), i.Addr(), i.AdminURL())
		}
	}

	var all sync.WaitGroup
	errs := make(chan error, 64)
	run := func(part Parts, start func() error) {
		if !o.Parts.Has(part) {
			return
		}
		all.Go(func() {
			if err := start(); err != nil {
				errs <- err
				// The others need not finish what will be thrown away.
				cancel()
			}
		})
	}
	if o.Parts.Has(PartMariaDB) {
		s.Shards = make([]*MariaDB, o.Shards)
	}
	passwords := newPasswords()
	for n := range s.Shards {
		run(PartMariaDB, func() (err error) {
			s.Shards[n], err = s.startMariaDB(ctx, n+1, passwords)
			return err
		})
	}
	run(PartRedis, func() (err error) { s.Redis, err = s.startRedis(ctx); return err })
	if !o.Parts.Has(PartPaysim) {
		run(PartPrometheus, func() (err error) { s.Prometheus, err = s.startPrometheus(ctx); return err })
	}
	run(PartKafka, func() error { return s.startKafka(ctx) })
	all.Wait()
	close(errs)
	var failed, cancelled error
	for err := range errs {
		// What was cancelled because another part failed has nothing to add.
		if errors.Is(err, context.Canceled) {
			cancelled = errors.Join(cancelled, err)
		} else {
			failed = errors.Join(failed, err)
		}
	}
	if err := cmp.Or(failed, cancelled); err != nil {
		return err
	}
	if err := s.seed(ctx); err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	if err := s.startLiving(ctx); err != nil {
		return err
	}
	return s.serveControl()
}

// startLiving starts what a living stack has on top of the servers. Prometheus
// comes after the processes that it scrapes, whose addresses it is told.
func (s *Stack) startLiving(ctx context.Context) (err error) {
	if !s.options.Parts.Has(PartPaysim) {
		return nil
	}
	if err := s.startPaysim(ctx); err != nil {
		return err
	}
	if s.options.Parts.Has(PartPrometheus) {
		if s.Prometheus, err = s.startPrometheus(ctx); err != nil {
			return err
		}
	}
	s.startLoad()
	return nil
}

// listenProxy puts a proxy in front of a server.
func listenProxy(upstream string) (*faultnet.Proxy, error) {
	return onFreeAddr(func(addr string) (*faultnet.Proxy, error) { return faultnet.Listen(addr, upstream) })
}

// launch starts a server on a free port, on another one when somebody was
// faster, and puts a proxy in front of it if asked for. It fills in sv before
// ready is called.
func (s *Stack) launch(ctx context.Context, sv *service, name string, begin time.Time, spec func(addr string) (proc.Spec, error), ready func(context.Context) error) (*child, error) {
	c := &child{sup: s.sup, ready: ready}
	sv.name, sv.control = name, c
	for attempt := 1; ; attempt++ {
		addr, err := port.Free()
		if err != nil {
			return nil, err
		}
		sv.addr, sv.clientAddr = addr, addr
		if c.spec, err = spec(addr); err != nil {
			return nil, err
		}
		c.spec.Name = name
		err = c.do(ctx, verbStart)
		if err == nil {
			break
		}
		if attempt == 3 || !errors.Is(err, errEnded) || addrFree(addr) {
			return nil, fmt.Errorf("start %s on %s: %w", name, addr, err)
		}
	}
	if s.options.Proxied {
		proxy, err := listenProxy(sv.addr)
		if err != nil {
			return nil, err
		}
		c.proxy, sv.clientAddr = proxy, proxy.Addr()
	}
	s.mu.Lock()
	s.children = append(s.children, c)
	s.mu.Unlock()
	s.log.printf("%s ready on %s (%.1f s)", name, sv.addr, time.Since(begin).Seconds())
	return c, nil
}

// Has says whether the stack has all of these parts.
func (s *Stack) Has(parts Parts) bool {
	var have Parts
	if len(s.Shards) > 0 {
		have |= PartMariaDB
	}
	if s.Redis != nil {
		have |= PartRedis
	}
	if s.Prometheus != nil {
		have |= PartPrometheus
	}
	if len(s.Ingest) > 0 {
		have |= PartIngest
	}
	if s.kafka.bootstrap != "" {
		have |= PartKafka
	}
	if len(s.Paysim) > 0 {
		have |= PartPaysim
	}
	return have.Has(parts)
}

// Parts are all services of the stack, by name in a fixed order.
func (s *Stack) Parts() []Part {
	var parts []Part
	for _, m := range s.Shards {
		parts = append(parts, m)
	}
	if s.Redis != nil {
		parts = append(parts, s.Redis)
	}
	if s.Prometheus != nil {
		parts = append(parts, s.Prometheus)
	}
	for _, i := range s.Ingest {
		parts = append(parts, i)
	}
	for _, p := range s.Paysim {
		parts = append(parts, p)
	}
	if k := s.kafkaPart(); k != nil {
		parts = append(parts, k)
	}
	return append(parts, s.brokerParts()...)
}

// Part is the service of that name: shard1, shard2, redis, prometheus,
// ingest1, ingest2, kafka; in a living stack gateway, ingest-1, ingest-2,
// ledger, refund and settlement in place of ingest1 and ingest2; and where
// there are several brokers each of them: kafka-1, kafka-2 and so on.
func (s *Stack) Part(name string) (Part, error) {
	var names []string
	for _, p := range s.Parts() {
		if p.Name() == name {
			return p, nil
		}
		names = append(names, p.Name())
	}
	return nil, fmt.Errorf("the stack has no part %q, only %v", name, names)
}

// Close ends every service that Start started and removes the folder. What was
// attached to goes on running.
func (s *Stack) Close() error {
	s.closeOnce.Do(func() { s.closeErr = s.close() })
	return s.closeErr
}

func (s *Stack) close() error {
	if s.fresh != nil {
		s.fresh.pause()
	}
	if s.load != nil {
		s.load.Set(0)
	}
	var err error
	if s.server != nil {
		err = errors.Join(err, s.server.Close())
	}
	if s.fleet != nil {
		err = errors.Join(err, s.fleet.Stop())
	}
	for _, m := range s.Shards {
		if m != nil {
			err = errors.Join(err, m.closePools())
		}
	}
	if s.Redis != nil {
		err = errors.Join(err, s.Redis.closeClients())
	}
	for _, i := range s.Ingest {
		if i.server != nil {
			err = errors.Join(err, i.server.Close())
		}
	}
	for _, c := range s.children {
		err = errors.Join(err, c.close())
	}
	if s.assembly != nil {
		err = errors.Join(err, s.assembly.Close())
	}
	if s.Kafka != nil {
		err = errors.Join(err, s.Kafka.Close())
	}
	if s.sup != nil {
		err = errors.Join(err, s.sup.Close())
	}
	return err
}

// roomyDir is the best place for temporary data: memory, where there is some.
func roomyDir() string {
	const shm, enough = "/dev/shm", 2 << 30
	if free, ok := freeBytes(shm); ok && free >= enough {
		return shm
	}
	return os.TempDir()
}
