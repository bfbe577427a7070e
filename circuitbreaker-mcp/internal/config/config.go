// Package config holds the settings of circuitbreaker-mcp: their names, defaults
// and types, each written once.
package config

import "payops-mcp/shared/env"

// Config is everything that can be set.
type Config struct {
	env.Common
	API
	Prometheus
	Kafka

	RunbookDir string `env:"RUNBOOK_DIR" help:"directory with the team's own runbooks (markdown), searched and shown beside ours"`
}

// API is how the ingest service is reached.
type API struct {
	BaseURLs URLs       `env:"API_BASE_URL" default:"http://localhost:8080" help:"base URL of the ingest service; a comma list names every instance"`
	Token    env.Secret `env:"API_BEARER_TOKEN" help:"bearer token for the ingest service"`
	CA       CAFile     `env:"API_CA_FILE" help:"PEM file with the authority that signed its certificate"`
}

// Prometheus is how Prometheus is reached.
type Prometheus struct {
	URL         URL        `env:"PROMETHEUS_URL" default:"http://localhost:9090" help:"base URL of Prometheus"`
	BearerToken env.Secret `env:"PROMETHEUS_BEARER_TOKEN" help:"bearer token for Prometheus"`
	Username    string     `env:"PROMETHEUS_USERNAME" help:"user for basic authentication"`
	Password    env.Secret `env:"PROMETHEUS_PASSWORD" help:"password for basic authentication"`
	OrgID       string     `env:"PROMETHEUS_ORG_ID" help:"tenant, sent as X-Scope-OrgID"`
	CA          CAFile     `env:"PROMETHEUS_CA_FILE" help:"PEM file with the authority that signed its certificate"`
}

// Kafka is how the brokers are reached.
type Kafka struct {
	Bootstrap []string   `env:"KAFKA_BOOTSTRAP_SERVERS" default:"localhost:9092" help:"comma list of brokers, host:port"`
	Mechanism Mechanism  `env:"KAFKA_SASL_MECHANISM" help:"PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; unset for no SASL"`
	Username  string     `env:"KAFKA_SASL_USERNAME" help:"SASL user"`
	Password  env.Secret `env:"KAFKA_SASL_PASSWORD" help:"SASL password"`
	TLS       bool       `env:"KAFKA_TLS" default:"false" help:"speak TLS to the brokers"`
	CA        CAFile     `env:"KAFKA_CA_FILE" help:"PEM file with the authority that signed their certificates"`

	Topics      []string `env:"KAFKA_REQUIRED_TOPICS" default:"payment.authorized,payment.capture-requested,payment.captured,payment.refund-requested,payment.refunded" help:"comma list of topics that must be there"`
	Groups      Groups   `env:"KAFKA_REQUIRED_GROUPS" default:"settlement-worker-group:payment.capture-requested,refund-worker-group:payment.refund-requested,payment-consumer:payment.captured+payment.refunded" help:"comma list of consumer groups that must be at work, each as group or group:topic+topic with what it consumes"`
	DeadLetters []string `env:"KAFKA_DLQ_TOPICS" default:"payment.dlq,settlement.dlq,refund.dlq" help:"comma list of dead-letter topics, which must be there too"`
}
