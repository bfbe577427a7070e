package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// guard lets a request in that comes from where it may, with the token, and of a
// bounded size.
type guard struct{ token string }

func (g guard) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !sameSite(r):
			http.Error(w, "the Host or Origin of the request is of another site: use the address that the server listens on", http.StatusForbidden)
			return
		case !g.knows(r.Header.Get("Authorization")):
			w.Header().Set("WWW-Authenticate", `Bearer realm="payops-mcp"`)
			http.Error(w, "send the header Authorization: Bearer TOKEN with the token of PAYOPS_HTTP_TOKEN_FILE", http.StatusUnauthorized)
			return
		case r.ContentLength > maxBody:
			http.Error(w, "the request is larger than 1 MiB: send smaller arguments", http.StatusRequestEntityTooLarge)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

// knows compares in constant time, of any length.
func (g guard) knows(authorization string) bool {
	if g.token == "" {
		return true
	}
	scheme, token, _ := strings.Cut(authorization, " ")
	given, want := sha256.Sum256([]byte(strings.TrimSpace(token))), sha256.Sum256([]byte(g.token))
	return subtle.ConstantTimeCompare(given[:], want[:]) == 1 && strings.EqualFold(scheme, "Bearer")
}

// sameSite reports whether a request is none that a page of another site made. A
// name that somebody points at 127.0.0.1 is such a site for a connection over
// loopback, and an Origin must be loopback or the very host that was asked.
func sameSite(r *http.Request) bool {
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && isLoopback(hostOf(local.String())) && !isLoopback(hostOf(r.Host)) {
		return false
	}
	for _, origin := range r.Header.Values("Origin") {
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" || !isLoopback(u.Hostname()) && !strings.EqualFold(u.Host, r.Host) {
			return false
		}
	}
	return true
}

// hostOf is the host of host:port, or of a host alone.
func hostOf(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return strings.Trim(address, "[]")
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
