package stack

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/redis/go-redis/v9"

	"payops-mcp/sandbox/ingest"
	"payops-mcp/sandbox/paysim"
	"payops-mcp/sandbox/seed"
)

// The names under which AdminEnv tells another process about a stack. Names of
// shards after the first end in _SHARD2 and so on, as those of Env do.
const (
	envDir          = "SANDBOX_DIR"
	envControl      = "SANDBOX_CONTROL_URL"
	envDB           = "SANDBOX_DB_ADMIN_DSN"
	envDBApp        = "SANDBOX_DB_APP_DSN"
	envRedis        = "SANDBOX_REDIS_ADMIN_URL"
	envPrometheus   = "SANDBOX_PROMETHEUS_URL"
	envIngestAdmin  = "SANDBOX_INGEST_ADMIN_URLS"
	envIngest       = "SANDBOX_INGEST_URLS"
	envPaysim       = "SANDBOX_PAYSIM"
	envLoad         = "SANDBOX_LOAD_URL"
	envKafka        = "SANDBOX_KAFKA_BOOTSTRAP"
	envKafkaAddr    = "SANDBOX_KAFKA_ADDR"
	envKafkaAdmin   = "SANDBOX_KAFKA_ADMIN"
	envKafkaLogin   = "SANDBOX_KAFKA_ACCOUNTS"
	envKafkaPayPass = "SANDBOX_KAFKA_PAYMENTS_PASSWORD"
	envKafkaPass    = "SANDBOX_KAFKA_READER_PASSWORD"
	envStandIns     = "SANDBOX_STAND_INS"
	envDBReaderUser = "PAYMENT_DB_USER"
	envDBReaderPass = "PAYMENT_DB_PASSWORD"
	envRedisReader  = "REDIS_URL"
	envPromReader   = "PROMETHEUS_URL"
)

// planFile holds the plan of the data in the stack's folder.
const planFile = "plan.json"

// ofShard is the name of a shard's setting.
func ofShard(name string, shard int) string {
	if shard == 1 {
		return name
	}
	return name + "_SHARD" + strconv.Itoa(shard)
}

// Env is how the three servers are configured to use the stack: as accounts
// that can only read, through the proxies where there are any. Settings of
// services that are not there are left out.
func (s *Stack) Env() map[string]string {
	env := map[string]string{}
	for _, m := range s.Shards {
		host, port := hostPort(m.ClientAddr())
		env[ofShard("PAYMENT_DB_HOST", m.Shard)] = host
		env[ofShard("PAYMENT_DB_PORT", m.Shard)] = port
		if m.Shard == 1 {
			env[envDBReaderUser], env[envDBReaderPass] = ReaderUser, m.passwords.Reader
			env["PAYMENT_DB_NAME"] = Database
		}
	}
	if s.Redis != nil {
		env[envRedisReader] = s.Redis.url(RedisReaderUser, s.Redis.ClientAddr())
	}
	if s.Prometheus != nil {
		env[envPromReader] = "http://" + s.Prometheus.ClientAddr()
	}
	if len(s.Ingest) > 0 {
		env["API_BASE_URL"] = join(s.Ingest, (*Ingest).URL)
	}
	if living := s.PaysimOf(paysim.RoleIngest); len(living) > 0 {
		env["API_BASE_URL"] = join(living, (*Paysim).URL)
	}
	if s.kafka.bootstrap != "" {
		env["KAFKA_BOOTSTRAP_SERVERS"] = s.kafka.bootstrap
	}
	return env
}

// AdminEnv is what another process needs, on top of Env, to Attach: accounts
// that can do everything, and the control address.
func (s *Stack) AdminEnv() map[string]string {
	env := map[string]string{}
	set := func(name, value string) {
		if value != "" {
			env[name] = value
		}
	}
	set(envDir, s.Dir)
	set(envControl, s.controlURL)
	for _, m := range s.Shards {
		set(ofShard(envDB, m.Shard), m.DSN(AdminUser))
		set(ofShard(envDBApp, m.Shard), m.DSN(AppUser))
	}
	if s.Redis != nil {
		set(envRedis, s.Redis.URL(RedisAdminUser))
	}
	if s.Prometheus != nil {
		set(envPrometheus, s.Prometheus.URL())
	}
	set(envIngest, join(s.Ingest, (*Ingest).URL))
	set(envIngestAdmin, join(s.Ingest, func(i *Ingest) string { return i.AdminURL() }))
	set(envPaysim, s.paysimText())
	set(envLoad, s.loadURL)
	if s.StandIns {
		set(envStandIns, "true")
	}
	set(envKafka, s.kafka.bootstrap)
	set(envKafkaAddr, s.kafka.addr)
	set(envKafkaAdmin, s.kafka.admin)
	set(envKafkaLogin, s.kafka.accounts)
	set(envKafkaPayPass, s.kafka.passwords[KafkaPaymentsUser])
	set(envKafkaPass, s.kafka.passwords[KafkaReaderUser])
	return env
}

func join[T any](all []T, part func(T) string) string {
	var parts []string
	for _, i := range all {
		parts = append(parts, part(i))
	}
	return strings.Join(parts, ",")
}

// Attached says whether the environment describes a stack to attach to.
func Attached(env func(string) string) bool {
	for _, name := range []string{envDB, envRedis, envPrometheus, envIngestAdmin, envKafka, envPaysim} {
		if env(name) != "" {
			return true
		}
	}
	return false
}

// Attach uses services that somebody else started: a stack of another process,
// described by its Env and AdminEnv, or what docker compose runs, described by
// the same names. Services whose names are not set are nil. It does not dial.
// Parts can be stopped and broken only when SANDBOX_CONTROL_URL is set.
func Attach(env func(string) string) (*Stack, error) {
	if !Attached(env) {
		return nil, fmt.Errorf("nothing to attach to: none of %s, %s, %s, %s and %s is set", envDB, envRedis, envPrometheus, envIngestAdmin, envKafka)
	}
	s := &Stack{Dir: env(envDir), controlURL: env(envControl), loadURL: env(envLoad), StandIns: env(envStandIns) == "true"}
	err := errors.Join(s.attachShards(env), s.attachRedis(env), s.attachPrometheus(env), s.attachIngest(env), s.attachPaysim(env(envPaysim)))
	s.kafka = kafkaAddrs{addr: env(envKafkaAddr), bootstrap: env(envKafka), admin: env(envKafkaAdmin), accounts: env(envKafkaLogin),
		passwords: map[string]string{KafkaPaymentsUser: env(envKafkaPayPass), KafkaReaderUser: env(envKafkaPass)}}
	if err == nil && s.Dir != "" {
		s.Plan, err = seed.ReadPlan(filepath.Join(s.Dir, planFile))
	}
	if err != nil {
		return nil, fmt.Errorf("attach: %w", err)
	}
	return s, nil
}

func (s *Stack) attachShards(env func(string) string) error {
	for shard := 1; env(ofShard(envDB, shard)) != ""; shard++ {
		admin, err := mysql.ParseDSN(env(ofShard(envDB, shard)))
		if err != nil {
			return fmt.Errorf("%s: %w", ofShard(envDB, shard), err)
		}
		if admin.User != AdminUser || admin.DBName != Database {
			return fmt.Errorf("%s: want user %s and database %s, not %s and %s", ofShard(envDB, shard), AdminUser, Database, admin.User, admin.DBName)
		}
		p := Passwords{Admin: admin.Passwd, Reader: env(envDBReaderPass)}
		if text := env(ofShard(envDBApp, shard)); text != "" {
			app, err := mysql.ParseDSN(text)
			if err != nil {
				return fmt.Errorf("%s: %w", ofShard(envDBApp, shard), err)
			}
			p.App = app.Passwd
		}
		m := &MariaDB{Shard: shard, passwords: p}
		client := admin.Addr
		if host, port := env(ofShard("PAYMENT_DB_HOST", shard)), env(ofShard("PAYMENT_DB_PORT", shard)); host != "" && port != "" {
			client = host + ":" + port
		}
		m.service = s.attached(fmt.Sprintf("shard%d", shard), admin.Addr, client)
		s.Shards = append(s.Shards, m)
	}
	return nil
}

func (s *Stack) attachRedis(env func(string) string) error {
	if env(envRedis) == "" {
		return nil
	}
	admin, err := redis.ParseURL(env(envRedis))
	if err != nil {
		return fmt.Errorf("%s: %w", envRedis, err)
	}
	r := &Redis{adminPassword: admin.Password}
	client := admin.Addr
	if env(envRedisReader) != "" {
		reader, err := redis.ParseURL(env(envRedisReader))
		if err != nil {
			return fmt.Errorf("%s: %w", envRedisReader, err)
		}
		r.readerPassword, client = reader.Password, reader.Addr
	}
	r.service = s.attached("redis", admin.Addr, client)
	s.Redis = r
	return nil
}

func (s *Stack) attachPrometheus(env func(string) string) error {
	if env(envPrometheus) == "" {
		return nil
	}
	u, err := url.Parse(env(envPrometheus))
	if err != nil || u.Host == "" {
		return fmt.Errorf("%s is not a URL: %q", envPrometheus, env(envPrometheus))
	}
	client := u.Host
	if c, err := url.Parse(env(envPromReader)); err == nil && c.Host != "" {
		client = c.Host
	}
	s.Prometheus = &Prometheus{service: s.attached("prometheus", u.Host, client)}
	if s.Dir != "" {
		s.Prometheus.dir = filepath.Join(s.Dir, "prometheus")
	}
	return nil
}

func (s *Stack) attachIngest(env func(string) string) error {
	if env(envIngestAdmin) == "" {
		return nil
	}
	admin, public := strings.Split(env(envIngestAdmin), ","), strings.Split(env(envIngest), ",")
	if len(admin) != len(public) {
		return fmt.Errorf("%s names %d instances and %s names %d", envIngestAdmin, len(admin), envIngest, len(public))
	}
	for n := range admin {
		s.Ingest = append(s.Ingest, &Ingest{Client: ingest.NewClient(admin[n]), name: fmt.Sprintf("ingest%d", n+1), url: public[n]})
	}
	return nil
}

func (s *Stack) attached(name, addr, clientAddr string) service {
	return service{name: name, addr: addr, clientAddr: clientAddr, control: s.remoteControl(name)}
}
