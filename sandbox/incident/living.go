package incident

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"payops-mcp/sandbox/ingest/wire"
	"payops-mcp/sandbox/paysim"
	"payops-mcp/sandbox/stack"
)

// What incidents in a living system have in common: they break something, and
// wait until the system has noticed.

// paying are the parts that payments pass through in a living system.
const paying = stack.PartMariaDB | stack.PartRedis | stack.PartKafka | stack.PartPaysim

// noticedWithin bounds how long a symptom may take to arise on a busy machine.
const noticedWithin = 3 * time.Minute

// await asks until something is so. What names it in the error.
func await(ctx context.Context, what string, so func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, noticedWithin)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var last error // of asking in time: that time is up says nothing of why
	for {
		yes, err := so(ctx)
		if yes && err == nil {
			return nil
		}
		if ctx.Err() == nil {
			last = err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("waited %s for this: %s", noticedWithin, what), last)
		}
	}
}

// eachPaysim does something to every process of a role.
func (w *World) eachPaysim(role string, do func(*stack.Paysim) error) error {
	var errs []error
	for _, p := range w.Stack.PaysimOf(role) {
		errs = append(errs, do(p))
	}
	return errors.Join(errs...)
}

// pausePollers stops the outbox pollers of all instances, or has them go on.
func pausePollers(ctx context.Context, w *World, paused bool) error {
	return w.eachPaysim(paysim.RoleIngest, func(p *stack.Paysim) error {
		if paused {
			return p.PauseLoop(ctx, stack.LoopPoller)
		}
		return p.ResumeLoop(ctx, stack.LoopPoller)
	})
}

// awaitBreaker waits until a breaker of every ingest instance is in one of these
// states.
func awaitBreaker(ctx context.Context, w *World, name string, states ...wire.State) error {
	what := fmt.Sprintf("%s %v on every instance", name, states)
	return await(ctx, what, func(ctx context.Context) (bool, error) {
		for _, p := range w.Stack.PaysimOf(paysim.RoleIngest) {
			s, err := p.Status(ctx)
			if err != nil {
				return false, err
			}
			in := false
			for _, state := range states {
				in = in || s.Breakers[name] == state
			}
			if !in {
				return false, nil
			}
		}
		return true, nil
	})
}

// waiting counts the events of all shards that are not published.
func waiting(ctx context.Context, w *World) (n int, err error) {
	for _, shard := range w.Stack.Shards {
		var some int
		if err := shard.Admin().QueryRowContext(ctx, "SELECT COUNT(*) FROM outbox_event WHERE published=0").Scan(&some); err != nil {
			return 0, fmt.Errorf("%s: %w", shard.Name(), err)
		}
		n += some
	}
	return n, nil
}

// awaitWaiting waits until at least so many events wait in the outbox.
func awaitWaiting(ctx context.Context, w *World, least int) error {
	return await(ctx, fmt.Sprintf("%d events in the outbox", least), func(ctx context.Context) (bool, error) {
		n, err := waiting(ctx, w)
		return n >= least, err
	})
}

// timesOf are the columns that tell when something happened, by table.
var timesOf = map[string][]string{
	"payment":             {"requested_at", "updated_at"},
	"ledger_entry":        {"occurred_at"},
	"outbox_event":        {"created_at", "published_at", "last_retry_at"},
	"idem_response_cache": {"created_at"},
	"settlement_request":  {"requested_at", "completed_at", "last_retry_at"},
	"refund_request":      {"requested_at", "completed_at", "last_retry_at"},
}

// age lets time pass in the databases: everything in them is so much older
// afterwards. It spares those who try an incident the minutes for which it must
// have lasted until it counts, see [World].
func age(ctx context.Context, w *World, by time.Duration) error {
	if w.RealTime {
		return nil
	}
	resume, err := settle(ctx, w)
	if err != nil {
		return err
	}
	for _, shard := range w.Stack.Shards {
		for table, columns := range timesOf {
			var set []string
			for _, c := range columns {
				set = append(set, fmt.Sprintf("%[1]s = %[1]s - INTERVAL %[2]d SECOND", c, int(by.Seconds())))
			}
			err := execute(ctx, shard.Admin(), "UPDATE "+table+" SET "+strings.Join(set, ", "))
			if err != nil {
				return errors.Join(fmt.Errorf("%s: let %s age: %w", shard.Name(), table, err), resume())
			}
		}
	}
	return resume()
}

// settleWithin bounds how long settle waits: what is broken may hold up what it
// waits for.
const settleWithin = 10 * time.Second

// settle ends the traffic of a living system and waits for the postings that are on
// their way: one that comes after time has passed would be minutes late for ever.
// The function that it returns has the traffic go on.
func settle(ctx context.Context, w *World) (resume func() error, err error) {
	if !w.Stack.Has(stack.PartPaysim) {
		return func() error { return nil }, nil
	}
	load, err := w.Stack.Load(ctx)
	if err != nil {
		return nil, err
	}
	if err := w.Stack.SetLoad(ctx, 0); err != nil {
		return nil, err
	}
	short, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	// That it takes longer is no reason not to go on.
	_ = await(short, "postings that are on their way", func(ctx context.Context) (bool, error) {
		left := 0
		for _, shard := range w.Stack.Shards {
			var n int
			if err := shard.Admin().QueryRowContext(ctx, `SELECT COUNT(*) FROM payment p WHERE status='CAPTURED' AND updated_at > UTC_TIMESTAMP(3) - INTERVAL 1 MINUTE
AND NOT EXISTS (SELECT 1 FROM ledger_entry l WHERE l.payment_id=p.payment_id)`).Scan(&n); err != nil {
				return false, err
			}
			left += n
		}
		return left == 0, nil
	})
	return func() error { return w.Stack.SetLoad(context.WithoutCancel(ctx), load.Rate) }, nil
}

// The questions about Kafka and the outbox.

func askKafka() Ask {
	return Ask{Question: "Is Kafka all right?", Server: "circuitbreaker-mcp", Tool: "check_kafka_health", Args: map[string]any{}}
}

func askWhyOpen() Ask {
	return Ask{Question: "Why did the circuit breaker open?", Server: "circuitbreaker-mcp", Tool: "diagnose_circuit_breaker", Args: map[string]any{}}
}

func askOutbox() Ask {
	return Ask{Question: "Are events stuck in the outbox?", Server: "dbquery-mcp", Tool: "check_outbox_status", Args: map[string]any{}}
}

// Calm waits until a living system has got over what happened to it before:
// nothing waits, every breaker is closed, payments are made.
func Calm(ctx context.Context, s *stack.Stack) error {
	w := &World{Stack: s}
	for _, name := range []string{wire.KafkaPublisher, wire.PGAuthAPI} {
		if err := awaitBreaker(ctx, w, name, wire.Closed); err != nil {
			return err
		}
	}
	if err := s.WaitPaid(ctx, 10); err != nil {
		return err
	}
	return await(ctx, "an outbox that is drained", func(ctx context.Context) (bool, error) {
		n, err := waiting(ctx, w)
		return n < 40, err
	})
}
