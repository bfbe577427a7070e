package protocol_test

import (
	"os"
	"testing"

	"payops-mcp/sandbox/binaries"
)

func TestMain(m *testing.M) {
	os.Exit(binaries.Main(m))
}

// server is one of the three, with a call that its systems must be asked for.
type server struct {
	name      string
	tool      string
	arguments string // JSON
	// settings point every system of the server at an address.
	settings func(host, port string) []string
}

var servers = []server{
	{
		name:      binaries.CircuitBreaker,
		tool:      "get_circuit_breaker_status",
		arguments: `{}`,
		settings: func(host, port string) []string {
			address := host + ":" + port
			return []string{
				"API_BASE_URL=http://" + address,
				"PROMETHEUS_URL=http://" + address,
				"KAFKA_BOOTSTRAP_SERVERS=" + address,
			}
		},
	},
	{
		name:      binaries.DBQuery,
		tool:      "query_payments",
		arguments: `{"filter": "failed payments last hour"}`,
		settings: func(host, port string) []string {
			return []string{"PAYMENT_DB_HOST=" + host, "PAYMENT_DB_PORT=" + port}
		},
	},
	{
		name:      binaries.RedisCache,
		tool:      "check_rate_limit",
		arguments: `{"merchant_id": "M1"}`,
		settings: func(host, port string) []string {
			return []string{"REDIS_URL=redis://" + host + ":" + port}
		},
	},
}

// each runs a test on every server.
func each(t *testing.T, test func(t *testing.T, s server, program string)) {
	for _, s := range servers {
		t.Run(s.name, func(t *testing.T) {
			program, err := binaries.Path(s.name)
			if err != nil {
				t.Fatal(err)
			}
			test(t, s, program)
		})
	}
}

// missing skips a test for want of something; under CI nothing may be missing.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}
