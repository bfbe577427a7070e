package ingest

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// Options say how an instance is built. The zero value is the service itself,
// on free loopback ports.
type Options struct {
	Addr      string // for callers; "" means a free loopback port
	AdminAddr string // for control and the scrape; "" means a free loopback port
	// Prefix comes before /circuit-breaker, as in "/api" behind the gateway.
	Prefix string
	// Monitoring also serves the monitoring service's version of the status.
	Monitoring bool
}

// Server is one running instance. Its methods may be called side by side.
type Server struct {
	options Options
	metrics *metrics
	public  *http.Server
	admin   *http.Server
	addr    string
	control string

	mu       sync.Mutex
	state    State
	fault    Fault
	changed  chan struct{} // closed when the fault changes
	listener net.Listener  // of public; nil while refusing
	closed   bool
}

// Listen starts an instance in the Healthy state.
func Listen(o Options) (*Server, error) {
	const free = "127.0.0.1:0"
	if o.Addr == "" {
		o.Addr = free
	}
	if o.AdminAddr == "" {
		o.AdminAddr = free
	}
	s := &Server{options: o, changed: make(chan struct{})}
	s.metrics = newMetrics(s)
	s.public = newHTTPServer(s.faulty(s.api(), false))
	s.admin = newHTTPServer(s.adminAPI())
	if err := s.SetState(Healthy()); err != nil {
		return nil, err
	}
	public, err := net.Listen("tcp", o.Addr)
	if err != nil {
		return nil, fmt.Errorf("ingest stand-in: %w", err)
	}
	admin, err := net.Listen("tcp", o.AdminAddr)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("ingest stand-in, control port: %w", err), public.Close())
	}
	s.addr, s.control, s.listener = public.Addr().String(), admin.Addr().String(), public
	go func() { _ = s.public.Serve(public) }()
	go func() { _ = s.admin.Serve(admin) }()
	return s, nil
}

func newHTTPServer(h http.Handler) *http.Server {
	// Aborted answers are on purpose here and not worth a line.
	return &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
}

// Addr is where callers of the API connect to.
func (s *Server) Addr() string { return s.addr }

// URL is the base URL for callers of the API.
func (s *Server) URL() string { return "http://" + s.addr }

// AdminAddr is where control and the scrape connect to.
func (s *Server) AdminAddr() string { return s.control }

// AdminURL is the base URL that [NewClient] takes.
func (s *Server) AdminURL() string { return "http://" + s.control }

// State is what the instance tells at present.
func (s *Server) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// SetState changes what the instance tells. The map and slices of the state
// must not be changed afterwards.
func (s *Server) SetState(state State) error {
	if err := state.Validate(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.metrics.advance(s.state, state, time.Now())
	s.state = state
	return nil
}

// Fault is what is wrong at present.
func (s *Server) Fault() Fault {
	f, _ := s.currentFault()
	return f
}

func (s *Server) currentFault() (Fault, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fault, s.changed
}

// SetFault changes what is wrong; requests that hang in a black hole are cut
// off. Refuse also cuts connections that are open.
func (s *Server) SetFault(f Fault) error {
	if err := f.Validate(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	if f.Kind != Refuse && s.listener == nil {
		l, err := net.Listen("tcp", s.addr)
		if err != nil {
			return fmt.Errorf("listen again on %s: %w", s.addr, err)
		}
		public := newHTTPServer(s.public.Handler)
		s.public, s.listener = public, l
		go func() { _ = public.Serve(l) }()
	}
	s.fault = f
	close(s.changed)
	s.changed = make(chan struct{})
	if f.Kind == Refuse && s.listener != nil {
		_ = s.public.Close()
		s.listener = nil
	}
	return nil
}

// Close ends the instance.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	close(s.changed)
	return errors.Join(s.public.Close(), s.admin.Close())
}
