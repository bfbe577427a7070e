// Package outbound is how a source is asked over HTTP.
package outbound

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"time"
)

// kept is how many connections to a host stay open for the next requests.
const kept = 8

// Client keeps connections open between requests. It trusts roots, those of the
// machine where they are nil. How long a request may take is for its context to say.
func Client(roots *x509.CertPool) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{KeepAlive: 30 * time.Second}).DialContext,
			TLSClientConfig:     &tls.Config{RootCAs: roots},
			ForceAttemptHTTP2:   true,
			MaxIdleConnsPerHost: kept,
			IdleConnTimeout:     90 * time.Second,
			DisableCompression:  true, // packing costs more than the few kilobytes it saves
		},
		// Another address would be another system, and it would get our token.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
