// Package broker asks Kafka's brokers.
package broker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
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
}

// Client asks the brokers.
type Client struct{ options Options }

// New makes a client. It dials nothing.
func New(o Options) *Client { return &Client{o} }

// Checks returns a question to each bootstrap server, whether it answers.
func (c *Client) Checks() []func(context.Context) fault.Source {
	checks := make([]func(context.Context) fault.Source, len(c.options.Bootstrap))
	for i, addr := range c.options.Bootstrap {
		checks[i] = func(ctx context.Context) fault.Source { return c.alive(ctx, addr) }
	}
	return checks
}

// alive asks one broker for the versions it speaks: unlike metadata, which the
// library keeps and goes on giving after the broker has died, this always goes
// over the wire, and here over a connection of its own.
func (c *Client) alive(ctx context.Context, addr string) fault.Source {
	start := time.Now()
	s := fault.Source{Name: "kafka " + addr, Asked: "ApiVersions of " + addr}
	s.Err = c.failure(c.versions(ctx, addr))
	s.Took = time.Since(start)
	return s
}

func (c *Client) versions(ctx context.Context, addr string) error {
	transport, err := c.transport(ctx)
	if err != nil {
		return err
	}
	defer transport.CloseIdleConnections()
	resp, err := (&kafka.Client{Addr: kafka.TCP(addr), Transport: transport}).ApiVersions(ctx, &kafka.ApiVersionsRequest{})
	if err != nil {
		// A deadline of the call hides what kept the library busy until then.
		return errors.Join(err, context.Cause(ctx))
	}
	return resp.Error
}

// transport makes a transport of its own: the library's default one is shared by
// everything in the process, and so is what it remembers.
func (c *Client) transport(ctx context.Context) (*kafka.Transport, error) {
	mechanism, err := c.mechanism()
	if err != nil {
		return nil, err
	}
	t := &kafka.Transport{
		ClientID: "payops-mcp", SASL: mechanism, Context: context.WithoutCancel(ctx),
		Dial: (&net.Dialer{}).DialContext,
	}
	if end, ok := ctx.Deadline(); ok {
		t.DialTimeout = time.Until(end) // it counts greeting and login too
	}
	if c.options.TLS {
		t.TLS = &tls.Config{RootCAs: c.options.RootCAs}
	}
	return t, nil
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
	f := &fault.Failure{Class: fault.Unexpected, Said: foreign.Text(strings.ReplaceAll(err.Error(), "\n", "; ")), Err: err}
	if class := fault.NetworkClass(err); class != "" {
		f.Class = class
	}
	if code, ok := errors.AsType[kafka.Error](err); ok {
		f.Class = fault.BadStatus
		if code == kafka.SASLAuthenticationFailed || code == kafka.UnsupportedSASLMechanism || code == kafka.IllegalSASLState {
			f.Class = fault.Auth
		}
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		f.Class = fault.Auth
	}
	switch f.Class {
	case fault.Unreachable:
		f.Next = "Look whether the broker runs and whether KAFKA_BOOTSTRAP_SERVERS is its address"
	case fault.Timeout:
		f.Next = "It took the connection and said nothing: it hangs, or it speaks TLS and KAFKA_TLS is off"
	case fault.Auth:
		f.Next = "Look at KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD and KAFKA_CA_FILE"
	case fault.Disconnected:
		f.Next = "It hung up while greeting: usually KAFKA_TLS or KAFKA_SASL_MECHANISM is not what the listener wants"
	}
	return f
}
