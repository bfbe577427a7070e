package paysim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"payops-mcp/sandbox/ingest/wire"
	"payops-mcp/sandbox/paysim/breaker"
	"payops-mcp/sandbox/paysim/bus"
	"payops-mcp/sandbox/paysim/control"
	"payops-mcp/sandbox/paysim/defect"
	"payops-mcp/sandbox/paysim/gateway"
	"payops-mcp/sandbox/paysim/paydb"
)

// Process is one running process of the payment system: the roles that it
// plays. Its servers listen when Start returns; what they need may come later.
type Process struct {
	settings Settings
	log      *slog.Logger
	defects  *defect.Set

	cluster  *paydb.Cluster
	redis    *redis.Client
	producer *bus.Producer
	pg       *gateway.Client

	loops    map[string]control.Pausable
	breakers []*breaker.Breaker
	servers  []*http.Server
	closers  []io.Closer
	addrs    map[string]string // by role, and "control"

	cancel context.CancelFunc
	run    context.Context
	wait   sync.WaitGroup
}

// quiet keeps go-redis from writing to stderr what it returns as an error.
var quiet = sync.OnceFunc(logging.Disable)

// Start runs what the settings say until Close. It does not dial: databases,
// Redis, Kafka and the gateway may start later, and go and come back.
func Start(s Settings, logger *slog.Logger) (*Process, error) {
	quiet()
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	p := &Process{settings: s, log: logger, loops: map[string]control.Pausable{}, addrs: map[string]string{}}
	p.run, p.cancel = context.WithCancel(context.Background())
	if err := p.start(); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

func (p *Process) start() (err error) {
	if p.defects, err = p.settings.defects(); err != nil {
		return err
	}
	for _, role := range p.settings.Roles {
		if role != RoleGateway {
			if err := p.connect(); err != nil {
				return err
			}
			break
		}
	}
	for _, role := range p.settings.Roles {
		switch role {
		case RoleGateway:
			err = p.startGateway()
		case RoleIngest:
			err = p.startIngest()
		case RoleSettlement:
			err = p.startSettlement()
		case RoleRefund:
			err = p.startRefund()
		case RoleLedger:
			err = p.startLedger()
		default:
			err = fmt.Errorf("unknown role %q: want one of %v", role, roles)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", role, err)
		}
	}
	if p.settings.ControlAddr == "" {
		return nil
	}
	return p.serve("control", p.settings.ControlAddr, control.Handler(control.Options{
		Defects: p.defects, Loops: p.loops, Breakers: p.breakers,
	}))
}

// connect makes the clients that the roles share.
func (p *Process) connect() (err error) {
	s := p.settings
	if p.cluster, err = s.cluster(); err != nil {
		return err
	}
	p.closers = append(p.closers, p.cluster)
	o, err := redis.ParseURL(s.Redis.Reveal())
	if err != nil {
		return fmt.Errorf("PAYSIM_REDIS_URL: %w", err)
	}
	// A limiter and a cache: better without them than late.
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout = time.Second, time.Second, time.Second
	o.MaxRetries, o.DialerRetries, o.ContextTimeoutEnabled = -1, 1, true
	p.redis = redis.NewClient(o)
	p.producer = bus.NewProducer(s.Kafka, s.login(), s.Delivery)
	p.closers = append(p.closers, p.redis, p.producer)
	p.pg = gateway.NewClient(s.Gateway, s.GatewayTimeout)
	return nil
}

// serve listens at once, so that an address that is taken is an error here.
func (p *Process) serve(name, addr string, h http.Handler) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	p.servers = append(p.servers, server)
	p.addrs[name] = l.Addr().String()
	p.wait.Go(func() { _ = server.Serve(l) })
	return nil
}

// loop runs something until the process ends.
func (p *Process) loop(name string, l control.Pausable, run func(context.Context)) {
	p.loops[name] = l
	p.wait.Go(func() { run(p.run) })
}

// URL is where a role is served, or "control"; "" when the process is not that.
func (p *Process) URL(role string) string {
	if p.addrs[role] == "" {
		return ""
	}
	return "http://" + p.addrs[role]
}

// Defects are the switches, for whoever runs the process in its own.
func (p *Process) Defects() *defect.Set { return p.defects }

// healthy says whether the databases and Redis answer.
func (p *Process) healthy(ctx context.Context) error {
	if err := p.cluster.Ping(ctx); err != nil {
		return err
	}
	return p.redis.Ping(ctx).Err()
}

// Close ends the process in good order: requests and records under way are
// finished, if they do not take long.
func (p *Process) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for _, s := range p.servers {
		if s.Shutdown(ctx) != nil {
			_ = s.Close()
		}
	}
	p.cancel()
	p.wait.Wait()
	for _, b := range p.breakers {
		b.Close()
	}
	var err error
	for _, c := range p.closers {
		err = errors.Join(err, c.Close())
	}
	return err
}

// actuator serves what every worker does: health and metrics.
func (p *Process) actuator(metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /actuator/prometheus", metrics)
	mux.HandleFunc("GET /actuator/health", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 3*time.Second)
		defer cancel()
		wire.Health(w, p.cluster.Ping(ctx) == nil)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { wire.SpringError(w, r, http.StatusNotFound) })
	return mux
}
