// Package fleet runs a payment system's processes as children of this one,
// which are this executable itself, started again: in a command and in a test
// binary alike. Each can be killed and started again on the same ports.
package fleet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"payops-mcp/sandbox/paysim"
	"payops-mcp/sandbox/stack/proc"
)

// childEnv makes an executable that has this package play a role instead of
// what it does otherwise.
const childEnv = "PAYSIM_FLEET_CHILD"

func init() {
	if os.Getenv(childEnv) == "" {
		return
	}
	if err := paysim.Play(); err != nil {
		fmt.Fprintln(os.Stderr, "paysim:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Options say what to run.
type Options struct {
	// Supervisor runs the processes; closing it ends them.
	Supervisor *proc.Supervisor
	// Environment are settings for all of them, by the names in
	// [paysim.Settings]: where the databases, Redis and Kafka are.
	Environment map[string]string
	// Ingest is how many ingest instances there are; 0 means 2.
	Ingest int
}

// Fleet is a running payment system.
type Fleet struct{ members map[string]*Member }

// Member is one process.
type Member struct {
	name string
	sup  *proc.Supervisor
	env  map[string]string
	urls map[string]string
	proc *proc.Child
}

// Start starts a gateway, the ingest instances and the three workers, each a
// process of its own: gateway, ingest-1, ingest-2, settlement, refund, ledger.
func Start(ctx context.Context, o Options) (*Fleet, error) {
	if o.Ingest == 0 {
		o.Ingest = 2
	}
	f := &Fleet{members: map[string]*Member{}}
	pg, err := f.add(o, paysim.RoleGateway, "gateway", "PAYSIM_GATEWAY_ADDR", nil)
	if err != nil {
		return nil, err
	}
	o.Environment = maps.Clone(o.Environment)
	o.Environment["PAYSIM_GATEWAY_URL"] = pg.URL()
	for n := range o.Ingest {
		extra := map[string]string{"PAYSIM_INSTANCE": fmt.Sprint(n + 1)}
		if _, err := f.add(o, paysim.RoleIngest, fmt.Sprintf("ingest-%d", n+1), "PAYSIM_ADDR", extra); err != nil {
			return nil, err
		}
	}
	for role, addr := range map[string]string{
		paysim.RoleSettlement: "PAYSIM_SETTLEMENT_ADDR", paysim.RoleRefund: "PAYSIM_REFUND_ADDR", paysim.RoleLedger: "PAYSIM_LEDGER_ADDR",
	} {
		if _, err := f.add(o, role, role, addr, nil); err != nil {
			return nil, err
		}
	}
	for _, m := range f.Members() {
		if err := m.Start(ctx); err != nil {
			return nil, errors.Join(err, f.Kill())
		}
	}
	return f, nil
}

func (f *Fleet) add(o Options, role, name, addrSetting string, extra map[string]string) (*Member, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	ctl, err := freeAddr()
	if err != nil {
		return nil, err
	}
	m := &Member{name: name, sup: o.Supervisor, env: map[string]string{}, urls: map[string]string{"": "http://" + addr, "control": "http://" + ctl}}
	maps.Copy(m.env, o.Environment)
	maps.Copy(m.env, extra)
	m.env["PAYSIM_ROLES"], m.env[addrSetting], m.env["PAYSIM_CONTROL_ADDR"] = role, addr, ctl
	f.members[name] = m
	return m, nil
}

// Members are all processes, running or not, by name.
func (f *Fleet) Members() []*Member {
	var all []*Member
	for _, name := range slices.Sorted(maps.Keys(f.members)) {
		all = append(all, f.members[name])
	}
	return all
}

// Member is the process of that name; it panics if there is none.
func (f *Fleet) Member(name string) *Member {
	m := f.members[name]
	if m == nil {
		panic("fleet: no member " + name)
	}
	return m
}

// IngestURLs are where payments are sent.
func (f *Fleet) IngestURLs() []string {
	var urls []string
	for _, m := range f.Members() {
		if strings.HasPrefix(m.name, "ingest-") {
			urls = append(urls, m.URL())
		}
	}
	return urls
}

// Kill ends all processes at once.
func (f *Fleet) Kill() error {
	var err error
	for _, m := range f.Members() {
		err = errors.Join(err, m.Kill())
	}
	return err
}

// Name is unique in the fleet.
func (m *Member) Name() string { return m.name }

// URL is where it serves.
func (m *Member) URL() string { return m.urls[""] }

// ControlURL is where it is controlled; see package control.
func (m *Member) ControlURL() string { return m.urls["control"] }

// startWithin bounds how long a process may take until it listens.
const startWithin = 20 * time.Second

// Start starts the process, if it does not run, and waits until it listens.
func (m *Member) Start(ctx context.Context) error {
	if m.proc != nil && m.proc.Ended() == "" {
		return nil
	}
	env := append(os.Environ(), childEnv+"=1")
	for k, v := range m.env {
		env = append(env, k+"="+v)
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	if m.proc, err = m.sup.Start(proc.Spec{Name: m.name, Path: exe, Env: env}); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.ControlURL()+"/status", nil)
		if err == nil {
			var resp *http.Response
			if resp, err = http.DefaultClient.Do(req); err == nil {
				tick.Stop()
				return resp.Body.Close()
			}
		}
		select {
		case <-tick.C:
		case <-m.proc.Done():
			return fmt.Errorf("%s ended: %s: %s", m.name, m.proc.Ended(), m.proc.LogTail())
		case <-ctx.Done():
			return fmt.Errorf("%s does not listen: %w: %s", m.name, err, m.proc.LogTail())
		}
	}
}

// Kill ends the process at once, as kill -9 does.
func (m *Member) Kill() error { return m.end(proc.Kill) }

// Stop asks the process to end, and waits until it has.
func (m *Member) Stop() error { return m.end(proc.Terminate) }

func (m *Member) end(s proc.Signal) error {
	if m.proc == nil || m.proc.Ended() != "" {
		return nil
	}
	if err := m.proc.Signal(s); err != nil && m.proc.Ended() == "" {
		return err
	}
	<-m.proc.Done()
	return nil
}

// LogTail is the end of what the process wrote.
func (m *Member) LogTail() string {
	if m.proc == nil {
		return ""
	}
	return m.proc.LogTail()
}
