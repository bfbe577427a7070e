package ends

import (
	"net"
	"net/http"
	"time"
)

// Slow is an HTTP system that answers everything with 200, but late.
type Slow struct {
	server *http.Server
	addr   string
}

// NewSlow listens on a free loopback port; each answer takes as long as said.
func NewSlow(takes time.Duration) (*Slow, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Slow{addr: l.Addr().String(), server: &http.Server{
		ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(takes):
			case <-r.Context().Done():
			}
		}),
	}}
	go func() { _ = s.server.Serve(l) }() // it ends with Close
	return s, nil
}

// URL is its base URL.
func (s *Slow) URL() string { return "http://" + s.addr }

// Close ends it and what it has not answered yet.
func (s *Slow) Close() { _ = s.server.Close() }
