// Package incident breaks the simulated payment system on purpose and knows what
// must be found. One incident is one file: what it does to the system, what the
// answers must quote, and how it is undone. What must and must not be named
// stands in incidents.json; Row.Judge compares answers with it.
package incident

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"payops-mcp/sandbox/stack"
	"payops-mcp/shared/catalog"
)

// Incident is one way in which the system breaks, or only looks broken.
type Incident struct {
	ID    string
	Parts stack.Parts // the services it needs
	// Brokers is how many brokers Kafka must have; 0 means any number.
	Brokers int
	// Accounts says that clients of Kafka must be able to log in.
	Accounts bool
	// Proxied says that there must be a proxy in front of each broker.
	Proxied bool
	// OfFailed says that it happens to payments that the gateway has refused.
	OfFailed bool
	Inject   func(context.Context, *World) (Injected, error)
	Undo     func(context.Context, *World, Injected) error
}

// World is what an incident acts on. Names, counts and times come from Rand, so
// that no answer can be keyed on them.
type World struct {
	Stack *stack.Stack
	Rand  *rand.Rand
	// RealTime has incidents last as long as they must until they count, instead
	// of making what is in the databases older than it is: other things happen to
	// the same system before and after.
	RealTime bool
	// Ask, when not nil, asks a server that goes on running and is asked again once
	// the incident is on: some faults show only to who knew the system before.
	Ask func(context.Context, Ask) error

	taken map[int]map[int64]bool // payments that something happens to already, by place of the shard
}

// asked puts a question before the incident, where there is somebody to ask.
func (w *World) asked(ctx context.Context, a Ask) error {
	if w.Ask == nil {
		return nil
	}
	return w.Ask(ctx, a)
}

// Injected is what was done. It is kept as JSON while the incident lasts, so that
// another process can undo it.
type Injected struct {
	Asks   []Ask    `json:"asks"`            // what an engineer would ask now
	Quotes []string `json:"quotes"`          // numbers and names that the answers must quote
	Never  []string `json:"never,omitempty"` // what must not stand in any answer
	// Aside are tools that are asked though they do not look where the cause
	// is: they need not name it, and conclude from what they see.
	Aside []string `json:"aside,omitempty"`
	// Unshown are codes that the row shows and whose rule does not hold this time,
	// for what was before: the answers need not report them.
	Unshown []catalog.Code    `json:"unshown,omitempty"`
	Kept    map[string]string `json:"kept,omitempty"` // what Undo needs
	// Settings are what the servers of Asks are started with, on top of the others:
	// the mistake is in how they are configured.
	Settings map[string]string `json:"settings,omitempty"`
}

// Ask is a question and the tool call that answers it.
type Ask struct {
	Question string         `json:"question"`
	Server   string         `json:"server"` // the program: circuitbreaker-mcp, dbquery-mcp, rediscache-mcp
	Tool     string         `json:"tool"`
	Args     map[string]any `json:"args"`
}

var incidents = map[string]Incident{}

// add is called by each incident's file.
func add(i Incident) Incident {
	if _, known := Find(i.ID); !known {
		panic("incident: " + i.ID + " has no row in incidents.json")
	}
	incidents[i.ID] = i
	return i
}

// All lists the incidents that can be injected, by id.
func All() []Incident {
	all := slices.Collect(maps.Values(incidents))
	slices.SortFunc(all, func(a, b Incident) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// Get returns an incident by id, in any case.
func Get(id string) (Incident, error) {
	if i, ok := incidents[strings.ToUpper(id)]; ok {
		return i, nil
	}
	ids := slices.Sorted(maps.Keys(incidents))
	return Incident{}, fmt.Errorf("no incident %q can be injected; there are %s", id, strings.Join(ids, ", "))
}

// Living says that the incident happens to the payment system itself and not to
// the stand-in for it: its parts have [stack.PartPaysim]. What it breaks is
// broken, and the symptoms arise by themselves.
func (i Incident) Living() bool { return i.Parts.Has(stack.PartPaysim) }

// Needs says what a stack lacks for the incident; nil when it has everything.
func (i Incident) Needs(s *stack.Stack) error {
	switch {
	case !s.Has(i.Parts):
		return fmt.Errorf("%s needs a system with %s", i.ID, i.Parts)
	case i.Brokers > 1 && len(strings.Split(s.KafkaBootstrap(), ",")) < i.Brokers:
		return fmt.Errorf("%s needs %d brokers of Kafka", i.ID, i.Brokers)
	case i.Accounts && !s.HasKafkaAccounts():
		return fmt.Errorf("%s needs a Kafka that clients can log in to, as real servers started for it are", i.ID)
	case i.Proxied && !s.KafkaProxied():
		return fmt.Errorf("%s needs a proxy in front of each broker of Kafka; start the system with -proxied", i.ID)
	}
	return nil
}

// Row returns what the catalog says of the incident.
func (i Incident) Row() Row {
	r, _ := Find(i.ID) // add made sure
	return r
}

// Start injects the incident. What was half done when it fails is undone.
func (i Incident) Start(ctx context.Context, w *World) (Injected, error) {
	if err := i.Needs(w.Stack); err != nil {
		return Injected{}, err
	}
	did, err := i.Inject(ctx, w)
	if err != nil {
		return did, fmt.Errorf("inject %s: %w", i.ID, errors.Join(err, i.Undo(ctx, w, did)))
	}
	if left := i.Row().unasked(did.Asks); len(left) > 0 {
		err := fmt.Errorf("%s asks nothing of %s, which its row names", i.ID, strings.Join(left, ", "))
		return did, errors.Join(err, i.Undo(ctx, w, did))
	}
	return did, nil
}

// Judge says what is wrong with the answers to what was asked; see Assess.
func (i Incident) Judge(did Injected, said []Said) []string {
	return Words(Assess([]Happening{{i.Row(), did}}, said))
}

// eachIngest does something to every ingest instance.
func (w *World) eachIngest(do func(*stack.Ingest) error) error {
	var errs []error
	for _, in := range w.Stack.Ingest {
		if err := do(in); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", in.Name(), err))
		}
	}
	return errors.Join(errs...)
}

// between returns a random number of low to high.
func (w *World) between(low, high int) int { return low + w.Rand.IntN(high-low+1) }

// token returns letters and digits as ids of other systems have them.
func (w *World) token(n int) string {
	const of = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	text := make([]byte, n)
	for i := range text {
		text[i] = of[w.Rand.IntN(len(of))]
	}
	return string(text)
}

// merchant returns the id of a merchant that the seeded data does not have.
func (w *World) merchant() string { return fmt.Sprintf("M-%06d", w.between(500_000, 999_999)) }

// The questions that the tools built so far answer.

func askBreaker() Ask {
	return Ask{Question: "Is the circuit breaker closed?", Server: "circuitbreaker-mcp", Tool: "get_circuit_breaker_status", Args: map[string]any{}}
}

func askPayments(filter string) Ask {
	return Ask{Question: "Which payments are these: " + filter + "?", Server: "dbquery-mcp", Tool: "query_payments", Args: map[string]any{"filter": filter}}
}

func askRateLimit(merchant, action string) Ask {
	return Ask{Question: "Is merchant " + merchant + " at its rate limit?", Server: "rediscache-mcp", Tool: "check_rate_limit",
		Args: map[string]any{"merchant_id": merchant, "action": action}}
}
