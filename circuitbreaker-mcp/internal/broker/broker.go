// Package broker asks Kafka's brokers.
package broker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

// Options are where the brokers are and how they know us.
type Options struct {
	Bootstrap          []string // host:port of each
	Mechanism          string   // PLAIN, SCRAM-SHA-256, SCRAM-SHA-512; empty for no SASL
	Username, Password string
	TLS                bool
	RootCAs            *x509.CertPool // nil for the machine's own
	Assumed            bool           // nobody said where Kafka is, and Bootstrap is the default
}

// Client asks the brokers. It keeps no connection between calls, and of what it
// heard only how far groups had come.
type Client struct {
	options Options
	kept    memory
}

// New makes a client. It dials nothing.
func New(o Options) *Client { return &Client{options: o} }

// Checks returns a question to each bootstrap server, whether it answers.
func (c *Client) Checks() []func(context.Context) fault.Source {
	checks := make([]func(context.Context) fault.Source, len(c.options.Bootstrap))
	for i, addr := range c.options.Bootstrap {
		checks[i] = func(ctx context.Context) fault.Source { return c.alive(ctx, addr) }
	}
	return checks
}

// alive asks one broker for its metadata, without any topic, over a connection of
// its own. The versions that it speaks it would tell anybody who asks.
func (c *Client) alive(ctx context.Context, addr string) fault.Source {
	start := time.Now()
	s := fault.Source{Name: "kafka " + addr, Asked: "Metadata of " + addr}
	l, err := c.dial(ctx, addr)
	if err == nil {
		defer l.close()
		if err = l.greet(ctx); err == nil {
			_, err = l.metadata(ctx, []string{})
		}
	}
	s.Err = c.failure(err)
	s.Took = time.Since(start)
	return s
}

func (c *Client) mechanism() (sasl.Mechanism, error) {
	switch o := c.options; o.Mechanism {
	case "":
		return nil, nil
	case "PLAIN":
		return plain.Mechanism{Username: o.Username, Password: o.Password}, nil
	case "SCRAM-SHA-256":
		return scram.Mechanism(scram.SHA256, o.Username, o.Password)
	case "SCRAM-SHA-512":
		return scram.Mechanism(scram.SHA512, o.Username, o.Password)
	default:
		return nil, fmt.Errorf("no SASL mechanism is named %q", o.Mechanism)
	}
}

// failure classifies what kept a broker from answering.
func (c *Client) failure(err error) *fault.Failure {
	if err == nil {
		return nil
	}
	if f, ok := errors.AsType[*fault.Failure](err); ok {
		return f
	}
	f := &fault.Failure{Class: fault.Unexpected, Said: foreign.Text(strings.ReplaceAll(err.Error(), "\n", "; ")), Err: err}
	if class := fault.NetworkClass(err); class != "" {
		f.Class = class
	}
	if code, ok := errors.AsType[kafka.Error](err); ok {
		f.Class, f.Said = fault.BadStatus, foreign.Text(fmt.Sprintf("[%d] %s", int(code), code.Title()))
		switch {
		case code == kafka.SASLAuthenticationFailed || code == kafka.UnsupportedSASLMechanism || code == kafka.IllegalSASLState:
			f.Class = fault.Auth
		case refused(code):
			f.Class = fault.Permission
		case code == kafka.GroupLoadInProgress:
			f.Class = fault.Loading
		}
	}
	_, unverified := errors.AsType[*tls.CertificateVerificationError](err)
	_, notTLS := errors.AsType[tls.RecordHeaderError](err)
	_, alert := errors.AsType[tls.AlertError](err)
	switch {
	case unverified || alert:
		f.Class = fault.Auth
	case notTLS || errors.Is(err, errNotKafka):
		f.Class = fault.Disconnected
	}
	switch f.Class {
	case fault.Unreachable:
		f.Next = "Look whether the broker runs and whether KAFKA_BOOTSTRAP_SERVERS is its address"
	case fault.Timeout:
		f.Next = "It took the connection and said nothing: it hangs, or it speaks TLS and KAFKA_TLS is off"
	case fault.Auth:
		f.Next = "Look at KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD and KAFKA_CA_FILE"
	case fault.Permission:
		f.Next = "Give the account Describe on the cluster, on all topics and on all groups (Read on the dead-letter topics to see what is in them)"
	case fault.Disconnected:
		f.Next = "It hung up while greeting, or does not speak Kafka: usually KAFKA_TLS or KAFKA_SASL_MECHANISM is not what the listener wants"
	}
	return f
}
