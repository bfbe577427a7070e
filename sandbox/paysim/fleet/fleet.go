// Package fleet runs a payment system's processes. They are children of this
// one, which are this executable itself, started again: in a command and in a
// test binary alike. Each can be killed, frozen and started again on the same
// ports. Where there can be no children they run inside of this process, which
// looks the same from outside, except that nothing can be killed or frozen.
package fleet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	"payops-mcp/sandbox/paysim"
	"payops-mcp/sandbox/port"
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
	// Supervisor runs the processes; closing it ends them. Without one they
	// run inside of this process.
	Supervisor *proc.Supervisor
	// Environment are settings for all of them, by the names in
	// [paysim.Settings]: where the databases, Redis and Kafka are.
	Environment map[string]string
	// Ingest is how many ingest instances there are; 0 means 2.
	Ingest int
}

// Fleet is a running payment system.
type Fleet struct{ members map[string]*Member }

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
	if err := f.each(func(m *Member) error { return m.Start(ctx) }); err != nil {
		return nil, errors.Join(err, f.Kill())
	}
	return f, nil
}

func (f *Fleet) add(o Options, role, name, addrSetting string, extra map[string]string) (*Member, error) {
	addr, err := port.Free()
	if err != nil {
		return nil, err
	}
	ctl, err := port.Free()
	if err != nil {
		return nil, err
	}
	m := &Member{name: name, role: role, addr: addr, control: ctl, env: map[string]string{}}
	if o.Supervisor != nil {
		m.runner = &child{sup: o.Supervisor, member: m}
	} else {
		m.runner = &local{member: m}
	}
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
func (f *Fleet) Kill() error { return f.each((*Member).Kill) }

// Stop asks all processes to end, and waits until they have.
func (f *Fleet) Stop() error { return f.each((*Member).Stop) }

// each does something with all members side by side.
func (f *Fleet) each(do func(*Member) error) error {
	members := f.Members()
	errs := make([]error, len(members))
	var all sync.WaitGroup
	for i, m := range members {
		all.Go(func() { errs[i] = do(m) })
	}
	all.Wait()
	return errors.Join(errs...)
}
