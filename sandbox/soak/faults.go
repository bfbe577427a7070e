package soak

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"payops-mcp/sandbox/incident"
	"payops-mcp/sandbox/paysim"
	"payops-mcp/sandbox/paysim/gateway"
	"payops-mcp/sandbox/stack"
	"payops-mcp/shared/catalog"
)

// Fault is something that breaks, and is repaired again.
type Fault struct {
	Name string
	// Incident does it, unless Break is set, which returns what repairs it.
	Incident string
	Break    func(context.Context, *incident.World) (repair func(context.Context) error, err error)
	// Root is what must be found, and Allow what may be besides, as with an
	// incident's row.
	Root  catalog.Code
	Allow []catalog.Code
	// Window is how long the fault must have lasted until the rule of Root can
	// hold. It counts from the moment that it was broken, or, with Noticed, from
	// when the system has noticed: the rule is about what follows from it.
	Window  time.Duration
	Noticed bool
	// Clears is how long the rule rightly goes on to hold after the repair.
	Clears time.Duration
	// Why is where both come from.
	Why string
}

// Faults are all that come and go.
func Faults() []Fault {
	return []Fault{
		{Name: "Kafka stopped", Incident: "CB-01", Root: catalog.KafkaBrokersUnreachable,
			Allow: []catalog.Code{catalog.KafkaLeaderlessPartitions},
			Why:   "asked of the brokers at each call; they come back one after the other"},
		{Name: "a broker killed", Incident: "KF-01", Root: catalog.KafkaLeaderlessPartitions, Window: 5 * time.Second,
			Why: "broker.session.timeout.ms is 4 s here, then its partitions lose their leader"},
		{Name: "a shard down", Incident: "HT-03", Root: catalog.DBShardUnreachable,
			Why: "dialled at each call"},
		{Name: "Redis out of memory", Incident: "RD-05", Root: catalog.RedisWritesRejectedOOM,
			Why: "INFO at each call; traffic is refused within a second"},
		{Name: "Redis a replica", Incident: "RD-07", Root: catalog.RedisReadonly,
			Why: "INFO at each call"},
		{Name: "Redis frozen", Incident: "RD-10", Root: catalog.RedisSlow,
			Why: "a deadline at each call"},
		{Name: "the gateway fails", Incident: "CB-05", Root: catalog.PGAuthBreakerOpen, Noticed: true, Clears: 75 * time.Second,
			Allow: []catalog.Code{catalog.PGAuthFailures, catalog.Ingest5xxSpike},
			Why:   "the breaker opens at 50% of its last 100 calls, waits 60 s, and takes 5 trial calls"},
		{Name: "the gateway is slow", Break: slowGateway, Root: catalog.PGAuthDegradedSlow,
			Allow:  []catalog.Code{catalog.PGAuthBreakerOpen, catalog.Ingest5xxSpike, catalog.CBHalfOpenFlapping},
			Window: 30 * time.Second, Clears: 75 * time.Second,
			Why: "50% of the last 100 calls of an instance, 5 calls a second; the breaker waits 60 s and takes 5 trial calls"},
		{Name: "the poller stopped", Incident: "OB-01", Root: catalog.OutboxPollerStalled, Window: time.Minute,
			Why: "no published_at newer than 60 s"},
		{Name: "the lock held", Incident: "OB-02", Root: catalog.OutboxLockStuck, Window: time.Minute,
			Why: "lock_until is seen at once; that nothing is published because of it, after 60 s"},
		{Name: "a consumer stopped", Incident: "KF-04", Root: catalog.ConsumerGroupEmpty, Window: 10 * time.Second,
			Why: "it leaves its group, and a record must wait"},
		{Name: "poison", Incident: "KF-08", Root: catalog.DLQPoisonMessage,
			Why: "a letter of the last 15 min, which the repair deletes"},
		{Name: "a topic below min.insync", Incident: "KF-03", Root: catalog.KafkaBelowMinISR,
			Why: "the topic's settings at each call"},
		{Name: "the pool used up", Incident: "LV-01", Root: catalog.DBPoolExhausted, Noticed: true, Clears: 15 * time.Second,
			// What the poller has sent it must note within 10 s, or it sends it again.
			Allow: []catalog.Code{catalog.OutboxDrainTooSlow, catalog.OutboxDuplicatePublish, catalog.ConsumerLagGrowing, catalog.PGAuthDegradedSlow, catalog.PGAuthBreakerOpen},
			Why:   "threads wait for 10 s on end, all connections taken"},
	}
}

// allowed are the codes that may be reported because of the fault: the root, what
// follows from it in any number of steps, and what else is said to be right.
func (f Fault) allowed() map[catalog.Code]bool {
	row, _ := incident.Find(f.Incident) // without one it is empty
	all := map[catalog.Code]bool{}
	for _, c := range slices.Concat([]catalog.Code{f.Root}, f.Allow, row.Root, row.Shows, row.Allow) {
		all[c] = true
		maps.Copy(all, incident.Follows(c))
	}
	return all
}

// begin breaks something. What it returns repairs it.
func (f Fault) begin(ctx context.Context, w *incident.World) (repair func(context.Context) error, err error) {
	if f.Break != nil {
		return f.Break(ctx, w)
	}
	i, err := incident.Get(f.Incident)
	if err != nil {
		return nil, err
	}
	did, err := i.Start(ctx, w)
	if err != nil {
		return nil, err // and undone
	}
	return func(ctx context.Context) error { return i.Undo(ctx, w, did) }, nil
}

// slowGateway makes the payment gateway slower than its breaker allows.
func slowGateway(ctx context.Context, w *incident.World) (func(context.Context) error, error) {
	all := w.Stack.PaysimOf(paysim.RoleGateway)
	if len(all) == 0 {
		return nil, errors.New("the stack has no payment gateway")
	}
	before, err := all[0].Behaviour(ctx)
	if err != nil {
		return nil, err
	}
	slow := 2200*time.Millisecond + time.Duration(w.Rand.IntN(800))*time.Millisecond
	err = all[0].SetBehaviour(ctx, gateway.Behaviour{Latency: slow, Only: gateway.Authorize})
	return func(ctx context.Context) error { return all[0].SetBehaviour(ctx, before) }, err
}

// living makes sure that the faults can happen to a system.
func living(s *stack.Stack, faults []Fault) error {
	for _, f := range faults {
		if f.Incident == "" {
			continue
		}
		i, err := incident.Get(f.Incident)
		if err == nil {
			err = i.Needs(s)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return nil
}
