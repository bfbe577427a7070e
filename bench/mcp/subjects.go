package mcp

import (
	"fmt"
	"net"
	"strings"

	"payops-mcp/bench/internal/subject"
	"payops-mcp/sandbox/binaries"
)

// server is one of ours, as it is measured.
type server struct {
	name     string
	settings []string     // those with which it reaches its systems
	question subject.Call // answered from its systems
	found    string       // what the answer to question says when it was
	at       func(host, port string) map[string]string
}

// wrong is refused for its arguments, without asking any system.
func (s server) wrong() subject.Call {
	return subject.Call{Tool: s.question.Tool, Args: map[string]any{"no_such_argument": 1}}
}

// everythingAt returns the settings with which every system of s is at one address.
func (s server) everythingAt(addr string) map[string]string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		panic(fmt.Sprintf("mcp: address %q: %v", addr, err)) // it is one of our own listeners
	}
	return s.at(host, port)
}

// from returns those of the settings of a stack that are for s.
func (s server) from(stack map[string]string) map[string]string {
	own := map[string]string{}
	for k, v := range stack {
		for _, prefix := range s.settings {
			if strings.HasPrefix(k, prefix) {
				own[k] = v
			}
		}
	}
	return own
}

// servers are the three, with merchant as one that has payments.
func servers(merchant string) []server {
	return []server{
		{
			name: binaries.CircuitBreaker, settings: []string{"API_BASE_URL", "PROMETHEUS_URL", "KAFKA_BOOTSTRAP_SERVERS"},
			question: subject.Call{Tool: "get_circuit_breaker_status", Args: map[string]any{}}, found: "CLOSED",
			at: func(host, port string) map[string]string {
				url := "http://" + net.JoinHostPort(host, port)
				return map[string]string{"API_BASE_URL": url, "PROMETHEUS_URL": url, "KAFKA_BOOTSTRAP_SERVERS": net.JoinHostPort(host, port)}
			},
		},
		{
			name: binaries.DBQuery, settings: []string{"PAYMENT_DB_"},
			question: subject.Call{Tool: "query_payments", Args: map[string]any{"merchant_id": merchant, "limit": 10}}, found: merchant,
			at: func(host, port string) map[string]string {
				return map[string]string{"PAYMENT_DB_HOST": host, "PAYMENT_DB_PORT": port, "PAYMENT_DB_HOST_SHARD2": host, "PAYMENT_DB_PORT_SHARD2": port}
			},
		},
		{
			name: binaries.RedisCache, settings: []string{"REDIS_URL", "APP_RATE_LIMIT_"},
			question: subject.Call{Tool: "check_rate_limit", Args: map[string]any{"merchant_id": merchant}}, found: merchant,
			at: func(host, port string) map[string]string {
				return map[string]string{"REDIS_URL": "redis://" + net.JoinHostPort(host, port)}
			},
		},
	}
}
