// Package gateway simulates the payment gateway: it authorizes, captures and
// refunds, as slowly and as badly as it is told to.
//
// It remembers nothing. A transaction's number follows from the caller's
// reference, so that a call repeated after a crash, of either side, has the
// same effect as one.
package gateway

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Behaviour is how well the gateway works.
type Behaviour struct {
	// Latency is the least that an answer takes, in nanoseconds in JSON.
	Latency time.Duration `json:"latency"`
	// Jitter is how much longer it takes on average; spread exponentially.
	Jitter time.Duration `json:"jitter"`
	// FailureRate is the share of calls that fail, 0 to 1.
	FailureRate float64 `json:"failureRate"`
	// Only limits failures and latency to one operation; "" means all.
	Only Operation `json:"only,omitempty"`
}

// Validate says what is wrong with a behaviour.
func (b Behaviour) Validate() error {
	if b.Latency < 0 || b.Jitter < 0 || b.FailureRate < 0 || b.FailureRate > 1 {
		return fmt.Errorf("want times of at least 0 and a failure rate from 0 to 1, not %+v", b)
	}
	switch b.Only {
	case "", Authorize, Capture, Refund:
		return nil
	default:
		return fmt.Errorf("unknown operation %q: want %s, %s or %s", b.Only, Authorize, Capture, Refund)
	}
}

// Operation is what is asked of the gateway.
type Operation string

// The operations.
const (
	Authorize Operation = "authorize"
	Capture   Operation = "capture"
	Refund    Operation = "refund"
)

// request and Receipt are the bodies of a call.
type request struct {
	Reference string `json:"reference"`
	Amount    int64  `json:"amount"`
	Currency  string `json:"currency,omitempty"`
}

// Receipt is what the gateway answers.
type Receipt struct {
	TransactionID  string `json:"transactionId,omitempty"`
	ApprovalNumber string `json:"approvalNumber,omitempty"`
	Code           string `json:"code"`
	Message        string `json:"message"`
}

// Server is the gateway. Its methods may be called side by side.
type Server struct{ behaviour atomic.Pointer[Behaviour] }

// New makes a gateway that works like this.
func New(b Behaviour) (*Server, error) {
	s := &Server{}
	return s, s.SetBehaviour(b)
}

// SetBehaviour changes how well it works, for calls that begin from now on.
func (s *Server) SetBehaviour(b Behaviour) error {
	if err := b.Validate(); err != nil {
		return err
	}
	s.behaviour.Store(&b)
	return nil
}

// Handler serves POST /authorize, /capture and /refund, and GET and PUT of
// /behaviour.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, op := range []Operation{Authorize, Capture, Refund} {
		mux.HandleFunc("POST /"+string(op), func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, op) })
	}
	mux.HandleFunc("GET /behaviour", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, s.behaviour.Load())
	})
	mux.HandleFunc("PUT /behaviour", func(w http.ResponseWriter, r *http.Request) {
		var b Behaviour
		dec := json.NewDecoder(r.Body)
		// A misspelt field must not pass for a change that was made.
		dec.DisallowUnknownFields()
		err := dec.Decode(&b)
		if err == nil {
			err = s.SetBehaviour(b)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request, op Operation) {
	var q request
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil || q.Reference == "" || q.Amount <= 0 {
		answer(w, http.StatusBadRequest, Receipt{Code: "PG_INVALID", Message: "a reference and an amount are needed"})
		return
	}
	b := *s.behaviour.Load()
	if b.Only != "" && b.Only != op {
		b = Behaviour{}
	}
	if wait := b.Latency + time.Duration(rand.ExpFloat64()*float64(b.Jitter)); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			return
		}
	}
	if b.FailureRate > rand.Float64() {
		answer(w, http.StatusServiceUnavailable, Receipt{Code: "PG_ERROR", Message: "the payment gateway cannot process the request"})
		return
	}
	token := tokenOf(op, q.Reference)
	prefix := map[Operation]string{Authorize: "AUTH-", Capture: "PG-", Refund: "CXL-"}[op]
	answer(w, http.StatusOK, Receipt{
		TransactionID:  prefix + strings.ToUpper(strconv.FormatUint(token, 36)),
		ApprovalNumber: fmt.Sprintf("%08d", token%1e8),
		Code:           "0000", Message: "OK",
	})
}

// tokenOf is the number that a reference always gets.
func tokenOf(op Operation, reference string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(op))
	_, _ = h.Write([]byte(reference))
	return h.Sum64()
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
