// Package control is the port through which one process of the payment system
// is made to misbehave, and told to stop that: what is injected into a living
// system goes through here. The real system has no such port.
package control

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"payops-mcp/sandbox/ingest/wire"
	"payops-mcp/sandbox/paysim/breaker"
	"payops-mcp/sandbox/paysim/defect"
)

// Pausable is a loop that can be stopped and go on.
type Pausable interface {
	Pause(bool)
	Paused() bool
}

// Options are what can be controlled.
type Options struct {
	Defects  *defect.Set
	Loops    map[string]Pausable
	Breakers []*breaker.Breaker
}

// Status is what GET /status answers.
type Status struct {
	Defects  []defect.Name         `json:"defects"`
	Paused   map[string]bool       `json:"paused"`
	Breakers map[string]wire.State `json:"breakers"`
}

// Handler serves GET /status; PUT /defects with a JSON list of those that are
// to be on; POST /loops/{name}/pause or resume; and POST
// /breakers/{name}/{state}, as in /breakers/kafka-publisher/FORCED_OPEN.
func Handler(o Options) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		wire.WriteJSON(w, http.StatusOK, o.status())
	})
	mux.HandleFunc("PUT /defects", func(w http.ResponseWriter, r *http.Request) {
		var names []defect.Name
		err := json.NewDecoder(r.Body).Decode(&names)
		if err == nil {
			err = o.Defects.Set(names...)
		}
		done(w, err)
	})
	mux.HandleFunc("POST /loops/{name}/{verb}", func(w http.ResponseWriter, r *http.Request) {
		done(w, o.loop(r.PathValue("name"), r.PathValue("verb")))
	})
	mux.HandleFunc("POST /breakers/{name}/{state}", func(w http.ResponseWriter, r *http.Request) {
		done(w, o.breaker(r.PathValue("name"), wire.State(strings.ToUpper(r.PathValue("state")))))
	})
	return mux
}

func (o Options) status() Status {
	s := Status{Defects: o.Defects.Names(), Paused: map[string]bool{}, Breakers: map[string]wire.State{}}
	for name, l := range o.Loops {
		s.Paused[name] = l.Paused()
	}
	for _, b := range o.Breakers {
		s.Breakers[b.Name()] = b.State()
	}
	return s
}

func (o Options) loop(name, verb string) error {
	l, ok := o.Loops[name]
	switch {
	case !ok:
		return fmt.Errorf("unknown loop %q: want one of %v", name, slices.Sorted(maps.Keys(o.Loops)))
	case verb == "pause":
		l.Pause(true)
	case verb == "resume":
		l.Pause(false)
	default:
		return fmt.Errorf("unknown verb %q: want pause or resume", verb)
	}
	return nil
}

func (o Options) breaker(name string, s wire.State) error {
	if !slices.Contains(wire.States, s) {
		return fmt.Errorf("unknown state %q: want one of %v", s, wire.States)
	}
	for _, b := range o.Breakers {
		if b.Name() == name {
			b.TransitionTo(s)
			return nil
		}
	}
	return fmt.Errorf("no breaker is named %q", name)
}

func done(w http.ResponseWriter, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
