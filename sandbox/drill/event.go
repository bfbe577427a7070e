package drill

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"payops-mcp/sandbox/incident"
)

// Event is an incident that has begun.
type Event struct {
	Incident incident.Incident
	Did      incident.Injected

	world *incident.World
	over  bool
}

// ErrNotBegun says that an incident could not be had: nothing is known of the answers.
var ErrNotBegun = errors.New("the incident did not come about")

// Begin injects an incident.
func Begin(ctx context.Context, w *incident.World, i incident.Incident) (*Event, error) {
	did, err := i.Start(ctx, w)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotBegun, err)
	}
	return &Event{Incident: i, Did: did, world: w}, nil
}

// End undoes it, once.
func (e *Event) End(ctx context.Context) error {
	if e.over {
		return nil
	}
	if err := e.Incident.Undo(ctx, e.world, e.Did); err != nil {
		return fmt.Errorf("undo %s: %w", e.Incident.ID, err)
	}
	e.over = true
	return nil
}

// Happening is the event as it is judged.
func (e *Event) Happening() incident.Happening {
	return incident.Happening{Row: e.Incident.Row(), Did: e.Did}
}

// events are some that have begun one after the other.
type events []*Event

// end undoes them, the last one first. Each is tried, whatever becomes of the others.
func (all events) end(ctx context.Context) error {
	var errs []error
	for _, e := range slices.Backward(all) {
		errs = append(errs, e.End(ctx))
	}
	return errors.Join(errs...)
}

func (all events) happenings() (h []incident.Happening) {
	for _, e := range all {
		h = append(h, e.Happening())
	}
	return h
}

// asks are the questions of all, each once.
func (all events) asks() (asks []incident.Ask) {
	seen := map[string]bool{}
	for _, e := range all {
		for _, a := range e.Did.Asks {
			if key := fmt.Sprint(a.Server, a.Tool, a.Args); !seen[key] {
				seen[key] = true
				asks = append(asks, a)
			}
		}
	}
	return asks
}

// settings are those that the events need of the servers that are asked about them.
func (all events) settings() Settings {
	with := Settings{}
	for _, e := range all {
		with.Add(e.Did.Asks, e.Did.Settings)
	}
	return with
}
