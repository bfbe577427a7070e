package tools

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/promtest"
	"payops-mcp/shared/tooltest"
)

type stackSaid struct {
	Components []struct{ Component, State, Detail string }
}

func stackOf(t *testing.T, c *tooltest.Client) (tooltest.Answer[stackSaid], map[string]string) {
	t.Helper()
	r := c.Call(t, "check_stack_health", `{}`)
	if os.Getenv("SHOW_ANSWERS") != "" {
		t.Logf("%d bytes\n%s", len(r.Text), r.Text)
	}
	if len(r.Text) > maxBytes {
		t.Errorf("%d bytes:\n%s", len(r.Text), r.Text)
	}
	a := tooltest.Decode[stackSaid](t, r)
	states := map[string]string{}
	for _, c := range a.Data.Components {
		states[c.Component] = c.State
	}
	return a, states
}

// instance answers as an instance of ingest does.
func instance(state, health string, code int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/actuator/health" {
			reply(code, "application/json", `{"status":"`+health+`"}`)(w, r)
			return
		}
		status(state)(w, r)
	}
}

const pools = "hikaricp_connections_active{pool=\"HikariPool-1\"} 3\nhikaricp_connections_max{pool=\"HikariPool-1\"} 20\nhikaricp_connections_pending{pool=\"HikariPool-1\"} 0\n"

func TestAHealthyStack(t *testing.T) {
	t.Parallel()
	kafka := realKafka(t)
	one := api(t, instance(closed, "UP", 200))
	p := promtest.Start(t, hour(func(second int) string {
		return promtest.Healthy() + pools + traffic(second, map[string]float64{"200": 10}, 0.2)
	}))
	a, states := stackOf(t, wholeServer(t, 30*time.Second, p.URL, kafka, one))
	if a.Verdict != "ok" || len(a.Findings) > 0 || !strings.HasPrefix(a.Summary, "all 7 components") {
		t.Errorf("%s %v %s (%s)", a.Verdict, a.Codes(), a.Summary, a.Because)
	}
	for _, c := range []string{"ingest", "breaker kafka-publisher", "breaker pg-auth-api", "kafka", "traffic", "database pools", "scrape of ingest-service"} {
		if states[c] != "ok" {
			t.Errorf("%s is %q", c, states[c])
		}
	}
}

// A part that is exhausted, one that says DOWN, one that is not there.
func TestAStackInTrouble(t *testing.T) {
	t.Parallel()
	one := api(t, instance(closed, "DOWN", 503))
	full := strings.NewReplacer("active{pool=\"HikariPool-1\"} 3", "active{pool=\"HikariPool-1\"} 20", "pending{pool=\"HikariPool-1\"} 0", "pending{pool=\"HikariPool-1\"} 9").Replace(pools)
	p := promtest.Start(t, hour(func(second int) string {
		return promtest.Healthy() + full + traffic(second, map[string]float64{"200": 10, "500": 5}, 2.9)
	}))
	a, states := stackOf(t, wholeServer(t, 30*time.Second, p.URL, noKafka(t), one))
	codes := a.Codes()
	for _, want := range []string{"KAFKA_BROKERS_UNREACHABLE", "DB_POOL_EXHAUSTED", "INGEST_5XX_SPIKE", "INGEST_LATENCY_HIGH", "CB_BLIND"} {
		if !slices.Contains(codes, want) {
			t.Errorf("%s is missing in %v", want, codes)
		}
	}
	if a.Verdict != "critical" || codes[0] != "KAFKA_BROKERS_UNREACHABLE" {
		t.Errorf("%s %v", a.Verdict, codes)
	}
	for c, want := range map[string]string{"ingest": "unknown", "kafka": "critical", "traffic": "attention", "database pools": "attention", "all others": "ok"} {
		if states[c] != want {
			t.Errorf("%s is %q, want %q", c, states[c], want)
		}
	}
	if !strings.Contains(a.Because, "says DOWN") {
		t.Errorf("because %q", a.Because)
	}
}

// A health page that hangs behind a status page that answers is a database or Redis
// that hangs: it must not read as one that was never there.
func TestAHealthPageThatHangs(t *testing.T) {
	t.Parallel()
	kafka := realKafka(t)
	one := api(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/actuator/health" {
			<-r.Context().Done()
			return
		}
		status(closed)(w, r)
	})
	p := promtest.Start(t, hour(func(second int) string {
		return promtest.Healthy() + pools + traffic(second, map[string]float64{"200": 10}, 0.2)
	}))
	a, states := stackOf(t, wholeServer(t, 30*time.Second, p.URL, kafka, one))
	if a.Verdict != "unknown" || len(a.Findings) > 0 || states["ingest"] != "unknown" || !strings.Contains(a.Because, "did not answer (timeout): a check behind it (database, Redis) may hang") {
		t.Errorf("%s %v ingest %s (%s)", a.Verdict, a.Codes(), states["ingest"], a.Because)
	}
}

func TestAStackWithoutPrometheus(t *testing.T) {
	t.Parallel()
	a, states := stackOf(t, wholeServer(t, 30*time.Second, refused(t), noKafka(t), refused(t)))
	if slices.Contains(a.Codes(), "INGEST_DOWN") || states["traffic"] != "unknown" || states["ingest"] != "unknown" || states["database pools"] != "unknown" {
		t.Errorf("%v %v", a.Codes(), states)
	}
}
