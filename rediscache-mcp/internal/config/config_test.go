package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"payops-mcp/rediscache-mcp/internal/keyspace"
	"payops-mcp/rediscache-mcp/internal/limiter"
	"payops-mcp/shared/env"
)

func load(t *testing.T, environ ...string) (Settings, error) {
	t.Helper()
	var s Settings
	err := env.Load(&s, environ, "")
	return s, err
}

func TestDefaults(t *testing.T) {
	s, err := load(t)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Redis.Target.String(); got != "redis localhost:6379" || s.Redis.Missing != "" {
		t.Errorf("redis is %q (%s)", got, s.Redis.Missing)
	}
	if got := s.RateKey.Key(keyspace.Capture, "M"); got != "rate:capture:M" {
		t.Errorf("key is %q", got)
	}
	want := map[keyspace.Action]limiter.Limit{
		keyspace.Authorize: {Capacity: 30000, Window: time.Minute},
		keyspace.Capture:   {Capacity: 30000, Window: time.Minute},
		keyspace.Refund:    {Capacity: 15000, Window: time.Minute},
	}
	for a, l := range want {
		if s.Limits[a] != l {
			t.Errorf("%s: %+v, want %+v: assumed, for none is set", a, s.Limits[a], l)
		}
	}
}

func TestIdempotency(t *testing.T) {
	s, err := load(t)
	if err != nil || s.IdemKey.Key("M", "k") != "idem:authorize:M:k" || s.IdemTTL.Lifetime != (limiter.Lifetime{TTL: 10 * time.Minute}) {
		t.Errorf("assumed: %q %+v, %v", s.IdemKey, s.IdemTTL, err)
	}
	s, err = load(t, "APP_IDEMPOTENCY_CACHE_TTL_SECONDS=0", "IDEMPOTENCY_KEY_TEMPLATE=i/{merchant_id}/{idempotency_key}")
	if err != nil || s.IdemKey.Key("M", "k") != "i/M/k" || s.IdemTTL.Lifetime != (limiter.Lifetime{Set: true}) {
		t.Errorf("set: %q %+v, %v", s.IdemKey, s.IdemTTL, err)
	}
	if _, err := load(t, "APP_IDEMPOTENCY_CACHE_TTL_SECONDS=10m"); err == nil || !strings.Contains(err.Error(), "whole number") {
		t.Errorf("10m was taken: %v", err)
	}
}

func TestLimitsThatAreSetSaySo(t *testing.T) {
	// The same value as the default is still set by somebody.
	s, err := load(t, "APP_RATE_LIMIT_AUTHORIZE_CAPACITY=30000", "APP_RATE_LIMIT_CAPTURE_WINDOW_SECONDS=3600", "APP_RATE_LIMIT_REFUND_CAPACITY=0")
	if err != nil {
		t.Fatal(err)
	}
	if l := s.Limits[keyspace.Authorize]; !l.CapacitySet || l.WindowSet || l.Capacity != 30000 {
		t.Errorf("authorize %+v", l)
	}
	if l := s.Limits[keyspace.Capture]; l.CapacitySet || !l.WindowSet || l.Window != time.Hour {
		t.Errorf("capture %+v", l)
	}
	if l := s.Limits[keyspace.Refund]; !l.Off() {
		t.Errorf("refund %+v: 0 is how ingest is told not to limit", l)
	}
}

func TestAllMistakesAtOnceAndNoPassword(t *testing.T) {
	_, err := load(t, "REDIS_URL=redis://user:hunter2@host:99999", "APP_RATE_LIMIT_REFUND_CAPACITY=many", "APP_RATE_LIMIT_AUTHORIZE_WINDOW_SECONDS=1m", "RATE_LIMIT_KEY_TEMPLATE=rate:{action}:{merchant}", "APP_RATE_LIMIT_CAPTURE_CAPACITY=99999999999")
	if err == nil {
		t.Fatal("five wrong settings were taken")
	}
	for _, want := range []string{"REDIS_URL: a port", `APP_RATE_LIMIT_REFUND_CAPACITY="many"`, `APP_RATE_LIMIT_AUTHORIZE_WINDOW_SECONDS="1m"`, "{merchant_id} is missing", `APP_RATE_LIMIT_CAPTURE_CAPACITY="99999999999"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\ndoes not say %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the password is in %v", err)
	}
}

func TestURLFromFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(file, []byte("redis://:hunter2@10.0.0.1:7000/3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := load(t, "REDIS_URL_FILE="+file)
	if err != nil || s.Redis.Target.String() != "redis 10.0.0.1:7000 db 3" {
		t.Errorf("got %q, %v", s.Redis.Target, err)
	}
	if _, err := load(t, "REDIS_URL_FILE="+file, "REDIS_URL=redis://other"); err == nil {
		t.Error("both were taken")
	}
	if _, err := load(t, "REDIS_CA_FILE=/no/such/file"); err == nil || !strings.Contains(err.Error(), "REDIS_CA_FILE") {
		t.Errorf("a missing file of certificates: %v", err)
	}
	if _, err := load(t, "REDIS_CA_FILE="+file); err == nil || !strings.Contains(err.Error(), "rediss://") {
		t.Errorf("certificates without TLS: %v", err)
	}
}

// An entry of a host from before needs to start and say what it lacks: nobody
// reads a server's stderr at night.
func TestOldEntry(t *testing.T) {
	s, err := load(t, "API_BASE_URL=http://ops:hunter2@ingest:8080/api")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"REDIS_URL is not set", "API_BASE_URL (http://***@ingest:8080/api) is not used"} {
		if !strings.Contains(s.Redis.Missing, want) {
			t.Errorf("%q does not say %q", s.Redis.Missing, want)
		}
	}
	s, err = load(t, "API_BASE_URL=http://ingest:8080", "REDIS_URL=redis://r")
	if err != nil || s.Redis.Missing != "" || s.Redis.Target.String() != "redis r:6379" {
		t.Errorf("with REDIS_URL set API_BASE_URL changes nothing: %+v, %v", s.Redis, err)
	}
}

func TestEverySettingIsDocumented(t *testing.T) {
	names := map[string]bool{}
	for _, s := range env.Settings(&Settings{}) {
		if s.Help == "" || names[s.Name] {
			t.Errorf("%s is without help, or there twice", s.Name)
		}
		names[s.Name] = true
	}
	for _, want := range []string{"REDIS_URL", "REDIS_CA_FILE", "API_BASE_URL", "RATE_LIMIT_KEY_TEMPLATE", "APP_RATE_LIMIT_REFUND_WINDOW_SECONDS", "IDEMPOTENCY_KEY_TEMPLATE", "APP_IDEMPOTENCY_CACHE_TTL_SECONDS", "PAYOPS_MERCHANT_SCOPE"} {
		if !names[want] {
			t.Errorf("%s is not documented", want)
		}
	}
}

func TestReplicasAndCertificates(t *testing.T) {
	if s, err := load(t, "REDIS_PREFER_REPLICA=true"); err != nil || s.Redis.Target.String() != "redis localhost:6379" {
		t.Errorf("%v, %v", s.Redis, err)
	}
	file := filepath.Join(t.TempDir(), "pem")
	if err := os.WriteFile(file, []byte("no PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, environ := range map[string][]string{
		"want true or false":          {"REDIS_URL=redis://h", "REDIS_PREFER_REPLICA=maybe"},
		"set both":                    {"REDIS_URL=rediss://h", "REDIS_CERT_FILE=" + file},
		"belong together":             {"REDIS_URL=rediss://h", "REDIS_KEY_FILE=" + file},
		"no such file":                {"REDIS_URL=rediss://h", "REDIS_CERT_FILE=" + file + "x", "REDIS_KEY_FILE=" + file},
		"failed to find any PEM data": {"REDIS_URL=rediss://h", "REDIS_CERT_FILE=" + file, "REDIS_KEY_FILE=" + file},
		"without TLS":                 {"REDIS_URL=redis://h", "REDIS_CERT_FILE=" + file, "REDIS_KEY_FILE=" + file},
		"REDIS_URL is not":            {"REDIS_CERT_FILE=" + file, "REDIS_KEY_FILE=" + file},
	} {
		if _, err := load(t, environ...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", environ, err, want)
		}
	}
}

func TestClearingIsOff(t *testing.T) {
	s, err := load(t)
	if err != nil || s.AllowClear || s.AuditLog != "" {
		t.Errorf("%v %q, %v", s.AllowClear, s.AuditLog, err)
	}
	if s, err = load(t, "REDIS_ALLOW_CLEAR_RATE_LIMIT=true", "REDIS_AUDIT_LOG=/a"); err != nil || !s.AllowClear || s.AuditLog != "/a" {
		t.Errorf("%v %q, %v", s.AllowClear, s.AuditLog, err)
	}
	if _, err = load(t, "REDIS_ALLOW_CLEAR_RATE_LIMIT=perhaps"); err == nil {
		t.Error("perhaps was taken")
	}
}
