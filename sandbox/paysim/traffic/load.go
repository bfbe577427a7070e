package traffic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
)

// Load is traffic without end, whose rate can be changed while it runs. Its
// methods may be called side by side.
type Load struct {
	options Options

	mu   sync.Mutex
	rate float64
	g    *Generator
	stop func() // nil while there is none
}

// LoadStatus is how a load goes.
type LoadStatus struct {
	// Rate is how many payments begin in a second; 0 is none.
	Rate float64 `json:"rate"`
	// Stats are of the load since its rate was last set.
	Stats Stats `json:"stats"`
}

// NewLoad makes a load that begins with Set. What was paid is not kept; the
// rate of the options does not count.
func NewLoad(o Options) *Load {
	o.Forget = true
	return &Load{options: o}
}

// Set ends the present load, when what it has begun is over, and begins one of
// another rate and of other payments: merchants who pay the same amounts again, moments
// later, look as if orders were paid twice.
func (l *Load) Set(rate float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stop != nil {
		l.stop()
		l.stop = nil
	}
	if l.rate = rate; rate <= 0 {
		return
	}
	l.options.Seed++
	o := l.options
	o.Rate = rate
	l.g = New(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func(g *Generator) {
		defer close(done)
		g.Run(ctx)
	}(l.g)
	l.stop = func() {
		cancel()
		<-done
	}
}

// Status is how it goes.
func (l *Load) Status() LoadStatus {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := LoadStatus{Rate: l.rate}
	if l.g != nil {
		now.Stats = l.g.Stats()
	}
	return now
}

// maxRate bounds what can be asked of a machine.
const maxRate = 10_000

// Handler answers GET with the status, and takes one with PUT, of which only the
// rate counts.
func (l *Load) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodGet, http.MethodHead:
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(l.Status())
		case http.MethodPut:
			var want LoadStatus
			err := json.NewDecoder(r.Body).Decode(&want)
			if err == nil && (want.Rate < 0 || want.Rate > maxRate) {
				err = fmt.Errorf("rate: want 0 to %d payments a second, not %g", maxRate, want.Rate)
			}
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			l.Set(want.Rate)
			w.WriteHeader(http.StatusNoContent)
		default:
			http.Error(w, errors.ErrUnsupported.Error(), http.StatusMethodNotAllowed)
		}
	})
}
