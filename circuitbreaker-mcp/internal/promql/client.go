// Package promql asks Prometheus what it has seen of the circuit breakers.
//
// Series are selected by job alone: the label application is set by the service
// registry and again by the service, and only one of the two is what it seems.
package promql

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/api"

	"payops-mcp/circuitbreaker-mcp/internal/outbound"
	"payops-mcp/shared/fault"
)

// Options are where Prometheus is and how it knows us.
type Options struct {
	// URL is the base URL. A user and password in it are used where Username is
	// empty, and never shown.
	URL                *url.URL
	BearerToken        string
	Username, Password string
	OrgID              string         // X-Scope-OrgID, the tenant of Mimir, Cortex or Loki
	RootCAs            *x509.CertPool // nil for the machine's own
}

// Client asks one Prometheus. It keeps connections open between calls and
// nothing else.
type Client struct {
	http  api.Client
	name  string // host and path: what it is called in answers
	base  string // without user, password and final slash
	local bool   // on the loopback
}

// New makes a client. It dials nothing.
func New(o Options) *Client {
	bare := url.URL{Scheme: o.URL.Scheme, Host: o.URL.Host, Path: strings.TrimRight(o.URL.Path, "/")}
	if o.URL.User != nil && o.Username == "" {
		o.Username = o.URL.User.Username()
		o.Password, _ = o.URL.User.Password()
	}
	client := outbound.Client(o.RootCAs)
	client.Transport = &edge{next: client.Transport, header: authorization(o)}
	c, err := api.NewClient(api.Config{Address: bare.String(), Client: client})
	if err != nil {
		panic(fmt.Sprintf("promql: a parsed URL does not parse: %v", err))
	}
	return &Client{http: c, name: "prometheus " + bare.Host + bare.Path, base: bare.String(), local: local(bare.Hostname())}
}

// local reports whether a host is this machine.
func local(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

func authorization(o Options) http.Header {
	r := http.Request{Header: http.Header{}}
	switch {
	case o.BearerToken != "":
		r.Header.Set("Authorization", "Bearer "+o.BearerToken)
	case o.Username != "":
		r.SetBasicAuth(o.Username, o.Password)
	}
	if o.OrgID != "" {
		r.Header.Set("X-Scope-OrgID", o.OrgID)
	}
	return r.Header
}

// Check asks whether Prometheus evaluates a query.
func (c *Client) Check(ctx context.Context) fault.Source {
	start := time.Now()
	_, err := only(c.instant(ctx, "time()", time.Time{}))("scalar")
	s := fault.Source{Name: c.name, Asked: c.asked("time()"), Took: time.Since(start)}
	if err != nil {
		s.Err = fault.FailureOf(err, fault.Unexpected)
	}
	return s
}
