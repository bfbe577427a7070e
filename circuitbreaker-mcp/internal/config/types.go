package config

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
)

// URL is the base URL of an HTTP API.
type URL struct{ *url.URL }

// UnmarshalText takes http and https URLs with a host. No message repeats the
// URL: it may hold a password.
func (u *URL) UnmarshalText(text []byte) error {
	parsed, err := url.Parse(strings.TrimSpace(string(text)))
	switch {
	case err != nil, parsed.Scheme != "http" && parsed.Scheme != "https", parsed.Hostname() == "":
		return errors.New("want a URL like http://host:port")
	case parsed.RawQuery != "" || parsed.Fragment != "":
		return errors.New("want a base URL, without ? and #")
	}
	u.URL = parsed
	return nil
}

// URLs are base URLs, each of another instance.
type URLs []*url.URL

// UnmarshalText takes a comma list.
func (list *URLs) UnmarshalText(text []byte) error {
	var all URLs
	for part := range strings.SplitSeq(string(text), ",") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		var u URL
		if err := u.UnmarshalText([]byte(part)); err != nil {
			return fmt.Errorf("entry %d: %w", len(all)+1, err)
		}
		if slices.ContainsFunc(all, func(other *url.URL) bool {
			return address(other) == address(u.URL) && strings.TrimRight(other.Path, "/") == strings.TrimRight(u.Path, "/")
		}) {
			return fmt.Errorf("entry %d: %s is in the list twice", len(all)+1, u.Host)
		}
		all = append(all, u.URL)
	}
	if len(all) == 0 {
		return errors.New("want at least one URL like http://host:port")
	}
	*list = all
	return nil
}

// address is the host and port of a URL, written in one way.
func address(u *url.URL) string {
	port := cmp.Or(u.Port(), map[string]string{"https": "443"}[u.Scheme], "80")
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// CAFile is the name of a PEM file, read at once; Pool is nil when it is unset.
type CAFile struct{ Pool *x509.CertPool }

// UnmarshalText reads the file.
func (f *CAFile) UnmarshalText(name []byte) error {
	pem, err := os.ReadFile(string(name))
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return errors.New("the file holds no PEM certificate")
	}
	f.Pool = pool
	return nil
}

// Mechanism is a SASL mechanism; empty for none.
type Mechanism string

// UnmarshalText takes the mechanisms that the Kafka client speaks.
func (m *Mechanism) UnmarshalText(text []byte) error {
	switch v := Mechanism(strings.ToUpper(string(text))); v {
	case "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512":
		*m = v
		return nil
	}
	return errors.New("want PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")
}
