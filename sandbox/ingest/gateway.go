package ingest

import (
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"

	"payops-mcp/sandbox/ingest/wire"
)

// Gateway is the API gateway in front of instances: /api/circuit-breaker/**
// goes to one of them in turn, every other path is 404, and an instance that
// does not answer is 503. It makes states alternate from call to call when
// instances disagree, as the real one does.
type Gateway struct {
	targets []*url.URL
	next    atomic.Uint64
	proxy   httputil.ReverseProxy
}

// NewGateway returns a gateway to instances, given by base URL.
func NewGateway(instances ...string) (*Gateway, error) {
	g := &Gateway{}
	for _, i := range instances {
		u, err := url.Parse(i)
		if err != nil {
			return nil, err
		}
		g.targets = append(g.targets, u)
	}
	g.proxy = httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(g.targets[g.next.Add(1)%uint64(len(g.targets))])
			r.Out.URL.Path = strings.TrimPrefix(r.Out.URL.Path, "/api")
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, _ error) {
			wire.SpringError(w, r, http.StatusServiceUnavailable)
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}
	return g, nil
}

// ServeHTTP forwards one request.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case !strings.HasPrefix(r.URL.Path, "/api/circuit-breaker/"):
		wire.SpringError(w, r, http.StatusNotFound)
	case len(g.targets) == 0:
		wire.SpringError(w, r, http.StatusServiceUnavailable)
	default:
		g.proxy.ServeHTTP(w, r)
	}
}
