// Package ingest asks the instances of the ingest service, over HTTP, what their
// circuit breakers do at this moment.
//
// The service tells only of kafka-publisher. Where its own path is not known the
// same answer is looked for behind the gateway's prefix and at the monitoring
// service, and what was found where is part of the facts.
package ingest

import (
	"cmp"
	"context"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"payops-mcp/circuitbreaker-mcp/internal/outbound"
	"payops-mcp/shared/fault"
)

// Options are where the instances are and how they know us.
type Options struct {
	// BaseURLs are the instances, one URL each. A user and password in it are
	// sent as basic authentication and never shown.
	BaseURLs []*url.URL
	Token    string         // sent as a bearer token; empty for none
	RootCAs  *x509.CertPool // nil for the machine's own
}

// Client asks every instance. It keeps connections open between calls and
// nothing else.
type Client struct {
	http    *http.Client
	targets []target
}

// target is one instance as it is configured.
type target struct {
	name   string // host, port and path: what the instance is called in answers
	base   string // without user, password and final slash
	addr   string // host and port
	header http.Header
}

// New makes a client. It dials nothing.
func New(o Options) *Client {
	c := &Client{http: outbound.Client(o.RootCAs)}
	for _, u := range o.BaseURLs {
		c.targets = append(c.targets, newTarget(u, o.Token))
	}
	return c
}

func newTarget(u *url.URL, token string) target {
	bare := url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimRight(u.Path, "/")}
	port := cmp.Or(u.Port(), map[string]string{"https": "443"}[u.Scheme], "80")
	t := target{name: bare.Host + bare.Path, base: bare.String(), addr: net.JoinHostPort(u.Hostname(), port), header: http.Header{"Accept": {"application/json"}, "Cache-Control": {"no-cache"}}}
	switch {
	case token != "":
		t.header.Set("Authorization", "Bearer "+token)
	case u.User != nil:
		password, _ := u.User.Password()
		r := http.Request{Header: t.header}
		r.SetBasicAuth(u.User.Username(), password)
	}
	return t
}

// Instances are the names of the instances, as they are configured.
func (c *Client) Instances() []string {
	names := make([]string, len(c.targets))
	for i, t := range c.targets {
		names[i] = t.name
	}
	return names
}

// Breakers asks side by side for the breakers of the instances that only names,
// of all if it is empty, and returns one Instance each in the order of the
// configuration. It returns when the slowest has answered or ctx ends.
func (c *Client) Breakers(ctx context.Context, only ...string) []Instance {
	var asked []target
	for _, t := range c.targets {
		if len(only) == 0 || slices.Contains(only, t.name) {
			asked = append(asked, t)
		}
	}
	all := make([]Instance, len(asked))
	if len(asked) == 1 {
		all[0] = c.ask(ctx, asked[0])
		return all
	}
	fault.TogetherEach(len(asked), func(i int) { all[i] = c.ask(ctx, asked[i]) })
	return all
}

// Checks returns a question to each instance, whether it answers.
func (c *Client) Checks() []func(context.Context) fault.Source {
	checks := make([]func(context.Context) fault.Source, len(c.targets))
	for i, t := range c.targets {
		checks[i] = func(ctx context.Context) fault.Source { return c.ask(ctx, t).Source }
	}
	return checks
}
