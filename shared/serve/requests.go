package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"
)

// requests are those that were handed to the library and are not yet answered,
// by id: a string or a float64, as the library reads it.
type requests struct {
	mu      sync.Mutex
	open    map[any]*request
	settled chan struct{} // signalled when none is open
	rest    *time.Timer   // runs while none is open
}

// request is how many requests are open under one id, and whether they were
// cancelled.
type request struct {
	n         int
	cancelled bool
}

// restAfter is how long no request has come when memory that is not made use of is given
// back: a server is idle for most of its life.
const restAfter = 2 * time.Second

func newRequests() *requests {
	return &requests{open: map[any]*request{}, settled: make(chan struct{}, 1), rest: time.AfterFunc(restAfter, giveBack)}
}

// note keeps what a line of input does to the requests: begins one or cancels one. It
// reports whether the line is JSON.
func (r *requests) note(line []byte) bool {
	var m struct {
		Method string `json:"method"`
		ID     any    `json:"id"`
		Params struct {
			RequestID any `json:"requestId"`
		} `json:"params"`
	}
	// Members of another type are left out, and no request of ours has them.
	if _, broken := errors.AsType[*json.SyntaxError](json.Unmarshal(line, &m)); broken {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case m.Method == "notifications/cancelled" && isID(m.Params.RequestID):
		if open := r.open[m.Params.RequestID]; open != nil {
			open.cancelled = true
		}
	case m.Method != "" && isID(m.ID):
		if r.open[m.ID] == nil {
			r.open[m.ID] = &request{}
		}
		r.open[m.ID].n++
		r.rest.Stop()
	}
	return true
}

func isID(v any) bool {
	switch v.(type) {
	case string, float64:
		return true
	}
	return false
}

// answered keeps that a message of the library was written. It reports whether
// the client is to get it: an answer to a cancelled request it no longer knows.
func (r *requests) answered(message []byte) bool {
	var m struct{ ID any }
	if asks(message) || json.Unmarshal(message, &m) != nil || !isID(m.ID) {
		return true // a notification, or a request of ours, whose id is of our own counting
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	open := r.open[m.ID]
	if open == nil {
		return true
	}
	if open.n--; open.n == 0 {
		delete(r.open, m.ID)
	}
	if len(r.open) == 0 {
		r.rest.Reset(restAfter)
		select {
		case r.settled <- struct{}{}:
		default:
		}
	}
	return !open.cancelled
}

// asks reports whether a message of the library is a request to the client: those
// name their method before what an answer could begin with.
func asks(message []byte) bool {
	head := message[:min(len(message), 128)]
	method := bytes.Index(head, []byte(`"method":`))
	result := bytes.Index(head, []byte(`"result":`))
	return method >= 0 && (result < 0 || method < result)
}

// errCancelled answers a request that was cancelled while it waited for a worker;
// the library knows only of those that run. Nobody gets to see it.
var errCancelled = errors.New("cancelled before it began")

// begin is called by the library when it takes up a request.
func (r *requests) begin(_ context.Context, id, _ any) error {
	if !isID(id) {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if open := r.open[id]; open != nil && open.cancelled {
		return errCancelled
	}
	return nil
}

// await waits until every request is answered, for at most patience.
func (r *requests) await(ctx context.Context, patience time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		r.mu.Lock()
		open := len(r.open)
		r.mu.Unlock()
		if open == 0 {
			return
		}
		select {
		case <-r.settled:
		case <-ctx.Done():
			return
		}
	}
}
