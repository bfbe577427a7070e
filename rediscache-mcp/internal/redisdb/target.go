package redisdb

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// Forms lists what a Redis URL may look like, for messages and documentation.
const Forms = "redis://[USER:PASSWORD@]HOST:PORT[/DB], rediss:// for TLS, unix://[USER:PASSWORD@]/PATH[?db=N], " +
	"a comma list redis://HOST:PORT,HOST:PORT for a cluster, " +
	"or redis+sentinel://[USER:PASSWORD@]HOST:PORT,HOST:PORT/MASTER[/DB][?sentinel_username=U&sentinel_password=P]"

type kind int

const (
	single kind = iota
	cluster
	sentinel
)

// Target is where Redis is and who we are there.
type Target struct {
	kind           kind
	addrs          []string // host:port, or one socket path
	user, password string
	db             int
	tls            *tls.Config // nil: no TLS
	master         string      // sentinel: the name of the master
	sentinelUser   string
	sentinelPass   string
	assumed        bool
	replicas       bool // scan replicas, where there are any
}

// Default is the Redis of this machine, for when nobody said where Redis is.
func Default() Target { return Target{addrs: []string{"localhost:6379"}, assumed: true} }

// String names the target, without secrets.
func (t Target) String() string {
	switch t.kind {
	case cluster:
		return "redis cluster " + strings.Join(t.addrs, ",")
	case sentinel:
		return fmt.Sprintf("redis master %s by sentinel %s", t.master, strings.Join(t.addrs, ",")) + t.dbSuffix()
	default:
		return "redis " + t.addrs[0] + t.dbSuffix()
	}
}

func (t Target) dbSuffix() string {
	if t.db == 0 {
		return ""
	}
	return fmt.Sprintf(" db %d", t.db)
}

// Parse reads a Redis URL; Forms lists what it may look like. ca holds PEM
// certificates to trust besides those of the system; it may be empty. No error
// repeats any part of the URL that may hold a password.
func Parse(text string, ca []byte) (Target, error) {
	scheme, rest, ok := strings.Cut(strings.TrimSpace(text), "://")
	if !ok {
		return Target{}, errors.New("no scheme; want " + Forms)
	}
	t := Target{}
	secure := false
	port := "6379"
	switch strings.ToLower(scheme) {
	case "redis":
	case "rediss":
		secure = true
	case "redis+sentinel":
		t.kind, port = sentinel, "26379"
	case "rediss+sentinel":
		t.kind, port, secure = sentinel, "26379", true
	case "unix":
		return parseSocket(rest, ca)
	default:
		return Target{}, errors.New("unknown scheme; want " + Forms)
	}
	entries := strings.Split(rest, ",")
	if t.kind == single && len(entries) > 1 {
		t.kind = cluster
	}
	for i, entry := range entries {
		// Each entry of a list may be written as a whole URL.
		if s, bare, ok := strings.Cut(entry, "://"); ok {
			if s != scheme {
				return Target{}, errors.New("the entries of a list must have one scheme")
			}
			entry = bare
		}
		if err := t.add(strings.TrimSpace(entry), port, i == len(entries)-1); err != nil {
			return Target{}, err
		}
	}
	if t.kind == sentinel && t.master == "" {
		return Target{}, errors.New("the name of the master is missing: redis+sentinel://HOST:PORT/MASTER")
	}
	return t, t.secure(secure, ca)
}

// add reads one HOST:PORT with what stands around it.
func (t *Target) add(entry, port string, last bool) error {
	u, err := url.Parse("redis://" + entry)
	if err != nil { // it repeats the entry, and so a password
		return errors.New("not a valid URL; special characters in a password must be percent-encoded, a comma as %2C; want " + Forms)
	}
	host := u.Hostname()
	if host == "" {
		return errors.New("a host is missing; want " + Forms)
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.Atoi(p); err != nil || n < 1 || n > 65535 {
			return errors.New("a port is not in 1..65535")
		}
		port = p
	}
	t.addrs = append(t.addrs, net.JoinHostPort(host, port))
	if err := t.account(u.User); err != nil {
		return err
	}
	if u.Fragment != "" {
		return errors.New("a # must be written %23")
	}
	parts := strings.FieldsFunc(u.Path, func(r rune) bool { return r == '/' })
	if !last && (len(parts) > 0 || u.RawQuery != "") {
		return errors.New("a path or query may only follow the last host of a list")
	}
	return t.rest(parts, u.Query())
}

// account takes user and password, which may stand at any entry of a list, but
// must not differ.
func (t *Target) account(u *url.Userinfo) error {
	if u == nil {
		return nil
	}
	user := u.Username()
	password, _ := u.Password()
	switch {
	case password == "" && user != "":
		return errors.New("there is a user without a password; want redis://USER:PASSWORD@HOST:PORT, or redis://:PASSWORD@HOST:PORT")
	case t.password != "" && (t.user != user || t.password != password):
		return errors.New("the entries of a list must have one user and password")
	}
	t.user, t.password = user, password
	return nil
}

// rest reads what follows the hosts.
func (t *Target) rest(path []string, query url.Values) error {
	if t.kind == sentinel && len(path) > 0 {
		t.master, path = path[0], path[1:]
	}
	if len(path) > 1 {
		return errors.New("too much after the host; want " + Forms)
	}
	if len(path) == 1 {
		if err := t.database(path[0]); err != nil {
			return err
		}
	}
	for name := range query {
		value := query.Get(name)
		switch {
		case name == "db":
			if err := t.database(value); err != nil {
				return err
			}
		case name == "sentinel_username" && t.kind == sentinel:
			t.sentinelUser = value
		case name == "sentinel_password" && t.kind == sentinel:
			t.sentinelPass = value
		default:
			return fmt.Errorf("unknown option %q; want %s", name, Forms)
		}
	}
	return nil
}

func (t *Target) database(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return errors.New("the number of the database is not 0 or above")
	}
	if t.kind == cluster && n != 0 {
		return errors.New("a cluster has only database 0")
	}
	t.db = n
	return nil
}

func parseSocket(rest string, ca []byte) (Target, error) {
	u, err := url.Parse("unix://" + rest)
	if err != nil {
		return Target{}, errors.New("not a valid URL; want " + Forms)
	}
	if u.Hostname() != "" || !strings.HasPrefix(u.Path, "/") {
		return Target{}, errors.New("the path of a socket begins with /: unix:///run/redis.sock")
	}
	t := Target{addrs: []string{u.Path}}
	if err := t.account(u.User); err != nil {
		return Target{}, err
	}
	if err := t.rest(nil, u.Query()); err != nil {
		return Target{}, err
	}
	return t, t.secure(false, ca)
}

// secure sets TLS up.
func (t *Target) secure(on bool, ca []byte) error {
	if !on {
		if len(ca) > 0 {
			return errors.New("REDIS_CA_FILE is set, but the URL is without TLS: write rediss:// (or rediss+sentinel://)")
		}
		return nil
	}
	t.tls = &tls.Config{MinVersion: tls.VersionTLS12}
	if len(ca) == 0 {
		return nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(ca) {
		return errors.New("REDIS_CA_FILE holds no PEM certificate")
	}
	t.tls.RootCAs = pool
	return nil
}

// WithCertificate returns the target with a certificate of our own, for a Redis that
// asks its clients for one. Both are PEM; key is that of the certificate.
func (t Target) WithCertificate(cert, key []byte) (Target, error) {
	if t.tls == nil {
		return t, errors.New("there is a certificate for Redis, but the URL is without TLS: write rediss:// (or rediss+sentinel://)")
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil { // it says what is wrong with either and repeats neither
		return t, fmt.Errorf("certificate and key: %w", err)
	}
	t.tls = t.tls.Clone()
	t.tls.Certificates = []tls.Certificate{pair}
	return t, nil
}
