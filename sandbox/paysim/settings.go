package paysim

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"payops-mcp/sandbox/paysim/bus"
	"payops-mcp/sandbox/paysim/defect"
	"payops-mcp/sandbox/paysim/gateway"
	"payops-mcp/sandbox/paysim/outbox"
	"payops-mcp/sandbox/paysim/paydb"
	"payops-mcp/sandbox/paysim/quota"
	"payops-mcp/sandbox/paysim/worker"
	"payops-mcp/shared/env"
)

// The roles of a process.
const (
	RoleIngest     = "ingest"
	RoleSettlement = "settlement"
	RoleRefund     = "refund"
	RoleLedger     = "ledger"
	RoleGateway    = "gateway"
)

var roles = []string{RoleGateway, RoleIngest, RoleSettlement, RoleRefund, RoleLedger}

// Settings are all that a process is told. The tags are its environment.
type Settings struct {
	Roles    []string `env:"PAYSIM_ROLES" default:"gateway,ingest,settlement,refund,ledger" help:"comma list of what the process is"`
	Instance int      `env:"PAYSIM_INSTANCE" default:"1" min:"1" help:"number of the ingest instance"`
	Defects  []string `env:"PAYSIM_DEFECTS" help:"comma list of defects that are switched on"`

	DB       env.Secret    `env:"PAYSIM_DB_DSN" help:"first shard, as user:password@tcp(host:port)/database"`
	DBShard2 env.Secret    `env:"PAYSIM_DB_DSN_SHARD2" help:"second shard"`
	MaxConns int           `env:"PAYSIM_DB_MAX_CONNS" default:"20" min:"1" max:"500" help:"connections to each shard"`
	Acquire  time.Duration `env:"PAYSIM_DB_ACQUIRE_TIMEOUT" default:"30s" min:"100ms" help:"how long to wait for a connection"`

	Redis         env.Secret    `env:"PAYSIM_REDIS_URL" default:"redis://localhost:6379" help:"Redis, with user and password"`
	Kafka         []string      `env:"PAYSIM_KAFKA" default:"localhost:9092" help:"comma list of brokers"`
	KafkaUser     string        `env:"PAYSIM_KAFKA_USERNAME" help:"account of Kafka (SASL PLAIN); none without it"`
	KafkaPassword env.Secret    `env:"PAYSIM_KAFKA_PASSWORD" help:"its password"`
	Delivery      time.Duration `env:"PAYSIM_KAFKA_DELIVERY_TIMEOUT" default:"5s" min:"100ms" help:"how long a message may take to be acknowledged"`

	Gateway        string        `env:"PAYSIM_GATEWAY_URL" default:"http://localhost:8090" help:"base URL of the payment gateway"`
	GatewayTimeout time.Duration `env:"PAYSIM_GATEWAY_TIMEOUT" default:"5s" min:"10ms" help:"how long to wait for the payment gateway"`
	GatewayLatency time.Duration `env:"PAYSIM_GATEWAY_LATENCY" default:"15ms" help:"of the gateway that this process plays: the least it takes"`
	GatewayJitter  time.Duration `env:"PAYSIM_GATEWAY_JITTER" default:"10ms" help:"how much longer it takes on average"`
	GatewayFailure int           `env:"PAYSIM_GATEWAY_FAILURE_PERMILLE" default:"0" min:"0" max:"1000" help:"how many of a thousand calls fail"`

	KafkaWait   time.Duration `env:"PAYSIM_KAFKA_BREAKER_WAIT" default:"30s" help:"how long the kafka-publisher breaker stays OPEN"`
	GatewayWait time.Duration `env:"PAYSIM_GATEWAY_BREAKER_WAIT" default:"60s" help:"how long the pg-auth-api breaker stays OPEN"`

	Addr           string `env:"PAYSIM_ADDR" default:"127.0.0.1:8080" help:"address of the ingest service"`
	LedgerAddr     string `env:"PAYSIM_LEDGER_ADDR" default:"127.0.0.1:8081" help:"address of the ledger worker"`
	SettlementAddr string `env:"PAYSIM_SETTLEMENT_ADDR" default:"127.0.0.1:8084" help:"address of the settlement worker"`
	RefundAddr     string `env:"PAYSIM_REFUND_ADDR" default:"127.0.0.1:8085" help:"address of the refund worker"`
	GatewayAddr    string `env:"PAYSIM_GATEWAY_ADDR" default:"127.0.0.1:8090" help:"address of the gateway"`
	ControlAddr    string `env:"PAYSIM_CONTROL_ADDR" help:"address of the control port; none without it"`
	Monitoring     bool   `env:"PAYSIM_MONITORING" default:"true" help:"also serve /monitoring/circuit-breaker"`

	AuthorizeCapacity int `env:"APP_RATE_LIMIT_AUTHORIZE_CAPACITY" default:"30000" min:"1" help:"requests of a merchant in a window"`
	CaptureCapacity   int `env:"APP_RATE_LIMIT_CAPTURE_CAPACITY" default:"30000" min:"1" help:"requests of a merchant in a window"`
	RefundCapacity    int `env:"APP_RATE_LIMIT_REFUND_CAPACITY" default:"15000" min:"1" help:"requests of a merchant in a window"`
	WindowSeconds     int `env:"APP_RATE_LIMIT_WINDOW_SECONDS" default:"60" min:"1" help:"length of the window"`
	IdemSeconds       int `env:"APP_IDEMPOTENCY_CACHE_TTL_SECONDS" default:"600" min:"1" help:"how long answers stay in Redis"`

	PollInterval  time.Duration `env:"OUTBOX_POLLING_INTERVAL" default:"50ms" min:"1ms" help:"between polls of the outbox"`
	MaxRetries    int           `env:"OUTBOX_POLLING_MAX_RETRIES" default:"10" min:"1" help:"after which an event is a dead letter"`
	RetryInterval time.Duration `env:"OUTBOX_POLLING_RETRY_INTERVAL" default:"1s" help:"before a refused event is sent again"`
	LockAtMost    time.Duration `env:"OUTBOX_LOCK_AT_MOST" default:"30s" min:"1s" help:"after which another instance may take the poller's lock"`
	LockAtLeast   time.Duration `env:"OUTBOX_LOCK_AT_LEAST" default:"1s" help:"for which the poller's lock is kept"`
	RetryAfter    time.Duration `env:"PAYSIM_RETRY_AFTER" default:"5s" min:"10ms" help:"before a failed settlement or refund is tried again"`
}

// LoadSettings reads settings from an environment, as os.Environ gives it.
func LoadSettings(environ []string) (Settings, error) {
	var s Settings
	if err := env.Load(&s, environ, ""); err != nil {
		return s, err
	}
	return s, s.validate()
}

func (s Settings) validate() error {
	var err error
	for _, r := range s.Roles {
		if !slices.Contains(roles, r) {
			err = errors.Join(err, fmt.Errorf("PAYSIM_ROLES: unknown role %q: want some of %v", r, roles))
		}
	}
	if len(s.Roles) == 0 {
		err = errors.Join(err, fmt.Errorf("PAYSIM_ROLES: want some of %v", roles))
	}
	onlyGateway := slices.Equal(s.Roles, []string{RoleGateway})
	if s.DB == "" && !onlyGateway {
		err = errors.Join(err, errors.New("PAYSIM_DB_DSN: want the first shard"))
	}
	_, unknown := s.defects()
	return errors.Join(err, unknown)
}

func (s Settings) defects() (*defect.Set, error) {
	names := make([]defect.Name, len(s.Defects))
	for i, n := range s.Defects {
		names[i] = defect.Name(n)
	}
	set := &defect.Set{}
	return set, set.Set(names...)
}

func (s Settings) cluster() (*paydb.Cluster, error) {
	dsns := []string{s.DB.Reveal()}
	if s.DBShard2 != "" {
		dsns = append(dsns, s.DBShard2.Reveal())
	}
	return paydb.Open(dsns, paydb.Options{MaxConns: s.MaxConns, Acquire: s.Acquire})
}

func (s Settings) login() bus.Login {
	return bus.Login{User: s.KafkaUser, Password: s.KafkaPassword.Reveal()}
}

func (s Settings) limits() map[string]quota.Limit {
	limit := func(capacity int) quota.Limit {
		return quota.Limit{Capacity: int64(capacity), Window: time.Duration(s.WindowSeconds) * time.Second}
	}
	return map[string]quota.Limit{
		"authorize": limit(s.AuthorizeCapacity), "capture": limit(s.CaptureCapacity), "refund": limit(s.RefundCapacity),
	}
}

func (s Settings) outbox() outbox.Config {
	return outbox.Config{
		Interval: s.PollInterval, MaxRetries: s.MaxRetries, RetryInterval: s.RetryInterval,
		LockAtMost: s.LockAtMost, LockAtLeast: s.LockAtLeast,
	}
}

func (s Settings) retries() worker.RetryConfig { return worker.RetryConfig{After: s.RetryAfter} }

func (s Settings) behaviour() gateway.Behaviour {
	return gateway.Behaviour{Latency: s.GatewayLatency, Jitter: s.GatewayJitter, FailureRate: float64(s.GatewayFailure) / 1000}
}
