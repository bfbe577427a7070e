package stack_test

import (
	"errors"
	"strings"
	"testing"

	"payops-mcp/sandbox/faultnet"
	"payops-mcp/sandbox/stack"
)

// What docker compose started can be used and not stopped.
func TestAttachWithoutControl(t *testing.T) {
	env := map[string]string{
		"SANDBOX_DB_ADMIN_DSN":        "root:r@tcp(127.0.0.1:13306)/paydb",
		"SANDBOX_DB_ADMIN_DSN_SHARD2": "root:r@tcp(127.0.0.1:13307)/paydb",
		"SANDBOX_REDIS_ADMIN_URL":     "redis://admin:a@127.0.0.1:16379/0",
		"SANDBOX_PROMETHEUS_URL":      "http://127.0.0.1:19090",
		"SANDBOX_INGEST_ADMIN_URLS":   "http://127.0.0.1:18081,http://127.0.0.1:18083",
		"SANDBOX_INGEST_URLS":         "http://127.0.0.1:18080,http://127.0.0.1:18082",
		"SANDBOX_KAFKA_BOOTSTRAP":     "127.0.0.1:19092",
		"PAYMENT_DB_PASSWORD":         "p",
		"REDIS_URL":                   "redis://payro:r@127.0.0.1:16379/0",
	}
	s, err := stack.Attach(func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	if !s.Has(stack.All) {
		t.Error("parts are missing")
	}
	for _, p := range s.Parts() {
		if strings.HasPrefix(p.Name(), "ingest") {
			continue // controlled over its own port, wherever it runs
		}
		for verb, err := range map[string]error{
			"stop": p.Stop(t.Context()), "start": p.Start(t.Context()), "kill": p.Kill(t.Context()),
			"pause": p.Pause(t.Context()), "resume": p.Resume(t.Context()), "network": p.SetNetwork(t.Context(), faultnet.Fault{}),
		} {
			if !errors.Is(err, stack.ErrAttached) || !strings.Contains(err.Error(), p.Name()) {
				t.Errorf("%s %s: %v, want ErrAttached with the name", verb, p.Name(), err)
			}
		}
	}
	if err := s.PauseFresh(t.Context()); !errors.Is(err, stack.ErrAttached) {
		t.Errorf("PauseFresh: %v, want ErrAttached", err)
	}
	if err := s.Prometheus.SetTargets(); !errors.Is(err, stack.ErrAttached) {
		t.Errorf("SetTargets: %v, want ErrAttached", err)
	}
	want := map[string]string{
		"API_BASE_URL": "http://127.0.0.1:18080,http://127.0.0.1:18082", "PROMETHEUS_URL": "http://127.0.0.1:19090",
		"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:19092", "REDIS_URL": "redis://payro:r@127.0.0.1:16379/0",
		"PAYMENT_DB_HOST": "127.0.0.1", "PAYMENT_DB_PORT": "13306", "PAYMENT_DB_HOST_SHARD2": "127.0.0.1", "PAYMENT_DB_PORT_SHARD2": "13307",
		"PAYMENT_DB_USER": "payuser", "PAYMENT_DB_PASSWORD": "p", "PAYMENT_DB_NAME": "paydb",
	}
	got := s.Env()
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %q, want %q", name, got[name], value)
		}
	}
	if len(got) != len(want) {
		t.Errorf("Env has %v, want %v", got, want)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestAttachMistakes(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"nothing":       {},
		"no DSN":        {"SANDBOX_DB_ADMIN_DSN": "nonsense"},
		"other account": {"SANDBOX_DB_ADMIN_DSN": "joe:r@tcp(127.0.0.1:1)/paydb"},
		"no URL":        {"SANDBOX_REDIS_ADMIN_URL": "127.0.0.1"},
		"odd lists":     {"SANDBOX_INGEST_ADMIN_URLS": "http://a,http://b", "SANDBOX_INGEST_URLS": "http://a"},
		"no host":       {"SANDBOX_PROMETHEUS_URL": "9090"},
	} {
		if _, err := stack.Attach(func(name string) string { return env[name] }); err == nil || !strings.Contains(err.Error(), "SANDBOX_") {
			t.Errorf("%s: %v, want an error that names the setting", name, err)
		}
	}
}
