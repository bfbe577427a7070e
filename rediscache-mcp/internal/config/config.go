// Package config is the settings of rediscache-mcp.
package config

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"payops-mcp/rediscache-mcp/internal/keyspace"
	"payops-mcp/rediscache-mcp/internal/limiter"
	"payops-mcp/rediscache-mcp/internal/redisdb"
	"payops-mcp/shared/env"
)

// Settings are all settings of the server.
type Settings struct {
	Redis   Redis
	RateKey keyspace.RateTemplate `env:"RATE_LIMIT_KEY_TEMPLATE" default:"rate:{action}:{merchant_id}" help:"key that counts a merchant's requests; must hold {action} and {merchant_id}"`
	IdemKey keyspace.IdemTemplate `env:"IDEMPOTENCY_KEY_TEMPLATE" default:"idem:{action}:{merchant_id}:{idempotency_key}" help:"key that holds the cached answer to an authorization; must hold {merchant_id} and {idempotency_key}; {action} is always authorize"`
	IdemTTL IdemTTL
	Limits  Limits
	// AllowClear and AuditLog belong together: the first alone deletes nothing.
	AllowClear bool   `env:"REDIS_ALLOW_CLEAR_RATE_LIMIT" default:"false" help:"offer clear_rate_limit, which shows one counter and deletes it when that is confirmed; every call is refused without REDIS_AUDIT_LOG, and the account needs +eval +del"`
	AuditLog   string `env:"REDIS_AUDIT_LOG" help:"file to which clear_rate_limit appends JSON lines of each call that looks at a counter; where it takes none, every call is refused"`
	env.Common
}

const defaultURL = "redis://localhost:6379"

// Redis says where Redis is.
type Redis struct {
	Target redisdb.Target
	// Missing is why there is no Target; empty when there is one.
	Missing string
}

// Load reads REDIS_URL and REDIS_CA_FILE. An entry of a host that is left from
// the servers before these, with API_BASE_URL alone, must not stop the start: it
// is told in each answer.
func (r *Redis) Load(get env.Lookup) error {
	var errs []error
	url, err := get.Secret("REDIS_URL")
	if err != nil {
		errs = append(errs, fmt.Errorf("REDIS_URL: %w", err))
	}
	var ca []byte
	if file, ok := get("REDIS_CA_FILE"); ok {
		if ca, err = os.ReadFile(file); err != nil {
			errs = append(errs, fmt.Errorf("REDIS_CA_FILE: %w", err))
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	if url == "" {
		if old, ok := get("API_BASE_URL"); ok {
			r.Missing = fmt.Sprintf("REDIS_URL is not set. API_BASE_URL (%s) is not used by rediscache-mcp: it asks Redis itself", withoutAccount(old))
			return nil
		}
		r.Target = redisdb.Default()
		for _, name := range []string{"REDIS_CA_FILE", certName, keyName} {
			if _, set := get(name); set {
				return errors.New(name + " is set, but REDIS_URL is not: set it to rediss://HOST:PORT")
			}
		}
		return r.preferReplica(get)
	}
	if r.Target, err = redisdb.Parse(url.Reveal(), ca); err != nil {
		return fmt.Errorf("REDIS_URL: %w", err)
	}
	return errors.Join(r.certificate(get), r.preferReplica(get))
}

const (
	certName    = "REDIS_CERT_FILE"
	keyName     = "REDIS_KEY_FILE"
	replicaName = "REDIS_PREFER_REPLICA"
)

func (r *Redis) certificate(get env.Lookup) error {
	cert, hasCert := get(certName)
	key, hasKey := get(keyName)
	if !hasCert && !hasKey {
		return nil
	}
	if !hasCert || !hasKey {
		return fmt.Errorf("%s and %s belong together: set both", certName, keyName)
	}
	certPEM, err := os.ReadFile(cert)
	if err != nil {
		return fmt.Errorf("%s: %w", certName, err)
	}
	keyPEM, err := os.ReadFile(key)
	if err != nil {
		return fmt.Errorf("%s: %w", keyName, err)
	}
	if r.Target, err = r.Target.WithCertificate(certPEM, keyPEM); err != nil {
		return fmt.Errorf("%s: %w", certName, err)
	}
	return nil
}

func (r *Redis) preferReplica(get env.Lookup) error {
	text, set := get(replicaName)
	if !set {
		return nil
	}
	prefer, err := strconv.ParseBool(text)
	if err != nil {
		return fmt.Errorf("%s=%q: want true or false", replicaName, text)
	}
	if prefer {
		r.Target = r.Target.PreferReplicas()
	}
	return nil
}

// withoutAccount takes user and password out of a URL that is only repeated.
func withoutAccount(url string) string {
	scheme, rest, ok := strings.Cut(url, "://")
	if i := strings.LastIndexByte(rest, '@'); ok && i >= 0 {
		return scheme + "://***" + rest[i:]
	}
	return url
}

// Settings documents the group.
func (*Redis) Settings() []env.Setting {
	return []env.Setting{
		{Name: "REDIS_URL", Default: defaultURL, Help: redisdb.Forms, Secret: true},
		{Name: "REDIS_CA_FILE", Help: "PEM file of the authority that signed Redis's certificate, besides those of the system (rediss://)"},
		{Name: certName, Help: "PEM file of this server's own certificate, for a Redis that asks for one"},
		{Name: keyName, Help: "PEM file of its key"},
		{Name: replicaName, Default: "false", Help: "scan a replica of each master where one is online; what is found is looked at again on the master, and single keys are always asked of the master"},
		{Name: "API_BASE_URL", Help: "not used; where only this is set, answers say that REDIS_URL is what this server needs"},
	}
}

// NextStep is what to do about a missing Target.
const NextStep = "Set REDIS_URL in this server's entry, for example " + defaultURL + ", and start it again"

// IdemTTL is how long ingest lets Redis keep a cached answer.
type IdemTTL struct{ limiter.Lifetime }

const (
	idemTTLName = "APP_IDEMPOTENCY_CACHE_TTL_SECONDS"
	defaultIdem = 600
)

// Load reads the number of seconds; 0 or less means that ingest sets no TTL.
func (l *IdemTTL) Load(get env.Lookup) error {
	seconds, set, err := javaInt(get, idemTTLName, defaultIdem)
	l.Lifetime = limiter.Lifetime{TTL: max(0, time.Duration(seconds)*time.Second), Set: set}
	return err
}

// Settings documents it.
func (*IdemTTL) Settings() []env.Setting {
	return []env.Setting{{Name: idemTTLName, Default: strconv.Itoa(defaultIdem), Help: "how long Redis keeps a cached answer, as ingest has it; assumed when not set"}}
}

// Limits are the limits that the ingest service runs with, under its own names.
type Limits map[keyspace.Action]limiter.Limit

// defaults are those of the ingest service's application.yml. Deployments change
// them, so an answer says when it rests on one of these.
var defaults = map[keyspace.Action]int64{keyspace.Authorize: 30000, keyspace.Capture: 30000, keyspace.Refund: 15000}

const defaultWindow = 60

func capacityName(a keyspace.Action) string {
	return "APP_RATE_LIMIT_" + strings.ToUpper(string(a)) + "_CAPACITY"
}

func windowName(a keyspace.Action) string {
	return "APP_RATE_LIMIT_" + strings.ToUpper(string(a)) + "_WINDOW_SECONDS"
}

// javaInt reads a whole number that is a Java int in the ingest service.
func javaInt(get env.Lookup, name string, otherwise int64) (n int64, set bool, err error) {
	text, set := get(name)
	if !set {
		return otherwise, false, nil
	}
	n, err = strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || n > math.MaxInt32 || n < math.MinInt32 {
		return otherwise, true, fmt.Errorf("%s=%q: want a whole number, as the ingest service has it (0 or less switches it off)", name, text)
	}
	return n, true, nil
}

// Load reads both numbers of every action.
func (l *Limits) Load(get env.Lookup) error {
	*l = Limits{}
	var errs []error
	number := func(name string, otherwise int64) (int64, bool) {
		n, set, err := javaInt(get, name, otherwise)
		errs = append(errs, err)
		return n, set
	}
	for _, a := range keyspace.Actions {
		var limit limiter.Limit
		var window int64
		limit.Capacity, limit.CapacitySet = number(capacityName(a), defaults[a])
		window, limit.WindowSet = number(windowName(a), defaultWindow)
		limit.Window = time.Duration(window) * time.Second
		(*l)[a] = limit
	}
	return errors.Join(errs...)
}

// Settings documents the group.
func (*Limits) Settings() []env.Setting {
	var all []env.Setting
	for _, a := range keyspace.Actions {
		all = append(all,
			env.Setting{Name: capacityName(a), Default: strconv.FormatInt(defaults[a], 10), Help: fmt.Sprintf("%s requests of a merchant in a window, as ingest has it; assumed when not set", a)},
			env.Setting{Name: windowName(a), Default: strconv.Itoa(defaultWindow), Help: "length of that window; assumed when not set"})
	}
	return all
}
