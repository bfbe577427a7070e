// Package outbound is how a source is asked over HTTP.
package outbound

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"time"
)

const (
	// kept is how many connections to a host stay open for the next requests.
	kept = 8
	// patience is how long a connection may take to come about. A request that has given
	// up leaves it behind, to be kept for the next one: without an end of its own it would
	// stay for as long as the host says nothing. It is more than any request waits.
	patience = 5 * time.Second
)

// Client keeps connections open between requests. It trusts roots, those of the
// machine where they are nil. How long a request may take is for its context to say.
func Client(roots *x509.CertPool) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: patience, KeepAlive: 30 * time.Second}).DialContext,
			TLSClientConfig:     &tls.Config{RootCAs: roots},
			TLSHandshakeTimeout: patience,
			ForceAttemptHTTP2:   true,
			MaxIdleConnsPerHost: kept,
			IdleConnTimeout:     90 * time.Second,
			DisableCompression:  true, // packing costs more than the few kilobytes it saves
		},
		// Another address would be another system, and it would get our token.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
