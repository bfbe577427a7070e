package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strconv"

	"payops-mcp/shared/env"
)

// maxShards bounds the search for PAYMENT_DB_HOST_SHARDn.
const maxShards = 64

const (
	defaultHost = "localhost"
	defaultPort = 3306
	defaultUser = "payuser"
	defaultName = "paydb"
)

// DB is where the payment databases are: shard 1, and as many more as are set.
type DB struct {
	Shards []Shard
	TLS    *tls.Config // nil: no TLS
	// Missing is why there is nothing to ask; empty when there is. An entry left
	// from the servers before these gives an API_BASE_URL and no database: that
	// must not stop the start, and is told in each answer.
	Missing string
}

// NextStep is what to do about a missing database.
const NextStep = "Set PAYMENT_DB_HOST, PAYMENT_DB_PORT, PAYMENT_DB_USER, PAYMENT_DB_PASSWORD and for the second shard PAYMENT_DB_HOST_SHARD2 in this server's entry, and start it again"

// Shard is one payment database.
type Shard struct {
	Name     string // shard1
	Host     string
	Port     int
	User     string
	Password env.Secret
	Database string
}

// Load reads PAYMENT_DB_*.
func (d *DB) Load(get env.Lookup) error {
	r := reader{get: get}
	first := Shard{
		Name: "shard1", Host: r.text("PAYMENT_DB_HOST", defaultHost), Port: r.port("PAYMENT_DB_PORT"),
		User: r.text("PAYMENT_DB_USER", defaultUser), Password: r.secret("PAYMENT_DB_PASSWORD", ""), Database: r.text("PAYMENT_DB_NAME", defaultName),
	}
	d.Shards = append(d.Shards, first)
	if r.any("1") {
		r.wrong(errors.New("PAYMENT_DB_…_SHARD1: shard 1 is PAYMENT_DB_HOST, PAYMENT_DB_PORT and so on, without a number"))
	}
	last := 1
	for n := 2; n <= maxShards; n++ {
		number := strconv.Itoa(n)
		if !r.any(number) {
			continue
		}
		if n != last+1 {
			r.wrong(fmt.Errorf("shard %d is set, shard %d is not: number the shards without gaps", n, last+1))
		}
		last = n
		d.Shards = append(d.Shards, r.shard(number, first))
	}
	d.TLS = r.tls()
	_, host := get("PAYMENT_DB_HOST")
	_, api := get("API_BASE_URL")
	if api && !host {
		d.Missing = "PAYMENT_DB_HOST is not set; API_BASE_URL is not used by dbquery-mcp: it asks the payment databases themselves"
	}
	return errors.Join(r.errs...)
}

// Settings documents what Load reads.
func (*DB) Settings() []env.Setting {
	return []env.Setting{
		{Name: "PAYMENT_DB_HOST", Default: defaultHost, Help: "host of the payment database (shard 1)"},
		{Name: "PAYMENT_DB_PORT", Default: strconv.Itoa(defaultPort), Help: "its port"},
		{Name: "PAYMENT_DB_USER", Default: defaultUser, Help: "account; it needs SELECT on the payment schema and nothing more"},
		{Name: "PAYMENT_DB_PASSWORD", Help: "its password", Secret: true},
		{Name: "PAYMENT_DB_NAME", Default: defaultName, Help: "the payment schema"},
		{Name: "PAYMENT_DB_HOST_SHARDn", Help: "host of shard n (2, 3, … without gaps); unset: there is no such shard"},
		{Name: "PAYMENT_DB_PORT_SHARDn", Default: strconv.Itoa(defaultPort), Help: "its port"},
		{Name: "PAYMENT_DB_USER_SHARDn", Help: "its account, where it differs from shard 1's"},
		{Name: "PAYMENT_DB_PASSWORD_SHARDn", Help: "its password, where it differs", Secret: true},
		{Name: "PAYMENT_DB_NAME_SHARDn", Help: "its schema, where it differs"},
		{Name: "PAYMENT_DB_TLS", Default: "off", Help: "off, on (certificate checked) or skip-verify (encrypted, but to whom is not checked)"},
		{Name: "PAYMENT_DB_CA_FILE", Help: "PEM file of the authorities to trust instead of the machine's; needs PAYMENT_DB_TLS=on"},
	}
}

// reader reads settings and keeps the mistakes.
type reader struct {
	get  env.Lookup
	errs []error
}

func (r *reader) wrong(err error) { r.errs = append(r.errs, err) }

func (r *reader) text(name, otherwise string) string {
	if v, ok := r.get(name); ok {
		return v
	}
	return otherwise
}

func (r *reader) secret(name string, otherwise env.Secret) env.Secret {
	s, err := r.get.Secret(name)
	if err != nil {
		r.wrong(err)
	}
	if s == "" {
		return otherwise
	}
	return s
}

func (r *reader) port(name string) int {
	v, ok := r.get(name)
	if !ok {
		return defaultPort
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > 65535 {
		r.wrong(fmt.Errorf("%s=%q: want a port, 1 to 65535", name, v))
	}
	return n
}

// any reports whether anything is set for the shard with this number.
func (r *reader) any(number string) bool {
	for _, what := range []string{"HOST", "PORT", "USER", "PASSWORD", "NAME"} {
		if _, ok := r.get("PAYMENT_DB_" + what + "_SHARD" + number); ok {
			return true
		}
	}
	_, ok := r.get("PAYMENT_DB_PASSWORD_SHARD" + number + "_FILE")
	return ok
}

func (r *reader) shard(number string, first Shard) Shard {
	s := Shard{
		Name: "shard" + number,
		Host: r.text("PAYMENT_DB_HOST_SHARD"+number, ""), Port: r.port("PAYMENT_DB_PORT_SHARD" + number),
		User:     r.text("PAYMENT_DB_USER_SHARD"+number, first.User),
		Password: r.secret("PAYMENT_DB_PASSWORD_SHARD"+number, first.Password),
		Database: r.text("PAYMENT_DB_NAME_SHARD"+number, first.Database),
	}
	if s.Host == "" {
		r.wrong(fmt.Errorf("PAYMENT_DB_HOST_SHARD%s is not set, though other settings of shard %s are", number, number))
	}
	return s
}

func (r *reader) tls() *tls.Config {
	mode := r.text("PAYMENT_DB_TLS", "off")
	file, pinned := r.get("PAYMENT_DB_CA_FILE")
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	switch mode {
	case "off", "false":
		c = nil
	case "on", "true":
	case "skip-verify":
		c.InsecureSkipVerify = true
	default:
		r.wrong(fmt.Errorf("PAYMENT_DB_TLS=%q: want off, on or skip-verify", mode))
		return nil
	}
	if !pinned {
		return c
	}
	if c == nil || c.InsecureSkipVerify {
		r.wrong(errors.New("PAYMENT_DB_CA_FILE is of use with PAYMENT_DB_TLS=on only"))
		return c
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		r.wrong(fmt.Errorf("PAYMENT_DB_CA_FILE: %w", err))
		return c
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		r.wrong(fmt.Errorf("PAYMENT_DB_CA_FILE=%q holds no certificate in PEM form", file))
	}
	return c
}
