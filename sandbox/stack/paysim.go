package stack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"

	"payops-mcp/sandbox/faultnet"
	"payops-mcp/sandbox/ingest/wire"
	"payops-mcp/sandbox/paysim"
	paysimctl "payops-mcp/sandbox/paysim/control"
	"payops-mcp/sandbox/paysim/defect"
	"payops-mcp/sandbox/paysim/fleet"
	"payops-mcp/sandbox/paysim/gateway"
)

// Paysim is one process of the payment system, in a living stack: an ingest
// instance, a worker, or the payment gateway. What goes wrong inside of it is
// set through the methods that are not of [Part]; they work when attached too.
type Paysim struct {
	service
	role       string
	controlURL string
}

// The loops of the processes, which Paysim.Loop stops.
const (
	// LoopPoller is the outbox poller of an ingest instance.
	LoopPoller = "poller"
	// LoopSettlementRetries and LoopRefundRetries are what tries failed
	// requests again.
	LoopSettlementRetries = "settlement-retries"
	LoopRefundRetries     = "refund-retries"
)

// Role is what it plays, as package paysim names the roles.
func (p *Paysim) Role() string { return p.role }

// URL is the base URL for callers.
func (p *Paysim) URL() string { return "http://" + p.addr }

// ControlAddr is the host and port on which it is controlled.
func (p *Paysim) ControlAddr() string { return hostOf(p.controlURL) }

// Job is the job under which Prometheus scrapes it; "" for the payment gateway,
// which belongs to somebody else.
func (p *Paysim) Job() string {
	return map[string]string{
		paysim.RoleIngest: IngestJob, paysim.RoleLedger: "consumer-worker",
		paysim.RoleSettlement: "settlement-worker", paysim.RoleRefund: "refund-worker",
	}[p.role]
}

// Instance is the label that Prometheus puts on its series.
func (p *Paysim) Instance() string {
	if p.role == paysim.RoleIngest {
		return registered(p.addr)
	}
	return p.addr
}

// ScrapeLabels are the labels that Prometheus puts on what it scrapes from it,
// beside the job.
func (p *Paysim) ScrapeLabels() map[string]string {
	if p.role == paysim.RoleIngest {
		return map[string]string{"application": "INGEST-SERVICE", "instance": p.Instance()}
	}
	return map[string]string{"instance": p.Instance()}
}

func (p *Paysim) scrapeAddr() string { return p.addr }

// Status is what the process says of its switches, loops and breakers. The
// payment gateway has none.
func (p *Paysim) Status(ctx context.Context) (s paysimctl.Status, err error) {
	return s, p.ask(ctx, http.MethodGet, p.controlURL+"/status", nil, &s)
}

// SetDefects switches these defects on and all others off.
func (p *Paysim) SetDefects(ctx context.Context, names ...defect.Name) error {
	return p.ask(ctx, http.MethodPut, p.controlURL+"/defects", append([]defect.Name{}, names...), nil)
}

// PauseLoop stops one of the process's loops; ResumeLoop has it go on. A
// worker's consumer is the loop named like its group.
func (p *Paysim) PauseLoop(ctx context.Context, name string) error {
	return p.ask(ctx, http.MethodPost, p.controlURL+"/loops/"+name+"/pause", nil, nil)
}

// ResumeLoop undoes PauseLoop.
func (p *Paysim) ResumeLoop(ctx context.Context, name string) error {
	return p.ask(ctx, http.MethodPost, p.controlURL+"/loops/"+name+"/resume", nil, nil)
}

// SetBreaker moves a breaker of an ingest instance by hand, as an operator does.
func (p *Paysim) SetBreaker(ctx context.Context, name string, s wire.State) error {
	return p.ask(ctx, http.MethodPost, p.controlURL+"/breakers/"+name+"/"+string(s), nil, nil)
}

// Behaviour is how well the payment gateway works.
func (p *Paysim) Behaviour(ctx context.Context) (b gateway.Behaviour, err error) {
	return b, p.ask(ctx, http.MethodGet, p.URL()+"/behaviour", nil, &b)
}

// SetBehaviour changes how well the payment gateway works.
func (p *Paysim) SetBehaviour(ctx context.Context, b gateway.Behaviour) error {
	return p.ask(ctx, http.MethodPut, p.URL()+"/behaviour", b, nil)
}

func (p *Paysim) ask(ctx context.Context, method, url string, body, into any) error {
	if err := askJSON(ctx, method, url, body, into); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	return nil
}

// askJSON sends a request with a body, unless it is nil, and reads the answer,
// unless nobody wants it.
func askJSON(ctx context.Context, method, url string, body, into any) error {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(text))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	said, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	err = errors.Join(err, resp.Body.Close())
	switch {
	case resp.StatusCode >= 300:
		return errors.Join(fmt.Errorf("%s %s: %s: %s", method, url, resp.Status, bytes.TrimSpace(said)), err)
	case err != nil || into == nil:
		return err
	}
	return json.Unmarshal(said, into)
}

// member controls a process of the fleet.
type member struct{ *fleet.Member }

func (m member) do(ctx context.Context, verb string) error {
	switch verb {
	case verbStart:
		return m.Start(ctx)
	case verbStop:
		return m.Stop()
	case verbKill:
		return m.Kill()
	case verbPause:
		return m.Pause()
	default:
		return m.Resume()
	}
}

func (m member) network(context.Context, faultnet.Fault) error { return ErrNotProxied }

// PaysimEnvironment are the settings with which the payment system's processes
// use the stack's databases, Redis and Kafka, as accounts that may write.
func (s *Stack) PaysimEnvironment() map[string]string {
	env := map[string]string{"PAYSIM_KAFKA": s.kafka.addr}
	if at, password := s.KafkaLogin(KafkaPaymentsUser); at != "" {
		env["PAYSIM_KAFKA"], env["PAYSIM_KAFKA_USERNAME"], env["PAYSIM_KAFKA_PASSWORD"] = at, KafkaPaymentsUser, password
	}
	for i, name := range []string{"PAYSIM_DB_DSN", "PAYSIM_DB_DSN_SHARD2"} {
		if i < len(s.Shards) {
			env[name] = s.Shards[i].DSN(AppUser)
		}
	}
	if s.Redis != nil {
		env["PAYSIM_REDIS_URL"] = s.Redis.URL(RedisAdminUser)
	}
	return env
}

// startPaysim starts the payment system's processes.
func (s *Stack) startPaysim(ctx context.Context) error {
	env := s.PaysimEnvironment()
	maps.Copy(env, s.options.Paysim)
	f, err := fleet.Start(ctx, fleet.Options{Supervisor: s.sup, Environment: env, Ingest: s.options.IngestInstances})
	if err != nil {
		return fmt.Errorf("start the payment system: %w", err)
	}
	s.fleet = f
	for _, m := range f.Members() {
		addr := hostOf(m.URL())
		s.Paysim = append(s.Paysim, &Paysim{
			service: service{name: m.Name(), addr: addr, clientAddr: addr, control: member{m}},
			role:    m.Role(), controlURL: m.ControlURL(),
		})
		s.log.printf("%s ready on %s, control on %s", m.Name(), addr, hostOf(m.ControlURL()))
	}
	return nil
}

// PaysimOf are the processes that play a role.
func (s *Stack) PaysimOf(role string) []*Paysim {
	var some []*Paysim
	for _, p := range s.Paysim {
		if p.role == role {
			some = append(some, p)
		}
	}
	return some
}

// envPaysim describes the processes to another process: for each its name,
// role, address and control address, separated by spaces, in a comma list.
func (s *Stack) paysimText() string {
	var all []string
	for _, p := range s.Paysim {
		all = append(all, strings.Join([]string{p.name, p.role, p.addr, hostOf(p.controlURL)}, " "))
	}
	return strings.Join(all, ",")
}

func (s *Stack) attachPaysim(text string) error {
	if text == "" {
		return nil
	}
	for one := range strings.SplitSeq(text, ",") {
		f := strings.Fields(one)
		if len(f) != 4 {
			return fmt.Errorf("%s: want name, role, address and control address of each process, not %q", envPaysim, one)
		}
		s.Paysim = append(s.Paysim, &Paysim{service: s.attached(f[0], f[2], f[2]), role: f[1], controlURL: "http://" + f[3]})
	}
	return nil
}
