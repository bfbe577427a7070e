package config

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"payops-mcp/shared/env"
)

func TestDefaultsReachLocalhost(t *testing.T) {
	var c Config
	if err := env.Load(&c, nil, ""); err != nil {
		t.Fatal(err)
	}
	if len(c.BaseURLs) != 1 || c.BaseURLs[0].String() != "http://localhost:8080" || c.URL.String() != "http://localhost:9090" ||
		len(c.Bootstrap) != 1 || c.Bootstrap[0] != "localhost:9092" || c.TLS || c.Mechanism != "" || c.API.CA.Pool != nil || c.Zone.Location == nil {
		t.Errorf("%+v", c)
	}
}

func TestEverySetting(t *testing.T) {
	s := httptest.NewTLSServer(http.NotFoundHandler())
	s.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("t0ken\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var c Config
	if err := env.Load(&c, []string{
		"API_BASE_URL=http://a:1, https://b/x/", "API_BEARER_TOKEN_FILE=" + token, "API_CA_FILE=" + ca,
		"PROMETHEUS_URL=https://u:p@prom/prefix", "PROMETHEUS_BEARER_TOKEN=b", "PROMETHEUS_USERNAME=u", "PROMETHEUS_PASSWORD=p", "PROMETHEUS_ORG_ID=o", "PROMETHEUS_CA_FILE=" + ca,
		"KAFKA_BOOTSTRAP_SERVERS=k1:9092,k2:9092", "KAFKA_SASL_MECHANISM=scram-sha-512", "KAFKA_SASL_USERNAME=ku", "KAFKA_SASL_PASSWORD=kp", "KAFKA_TLS=true", "KAFKA_CA_FILE=" + ca,
	}, ""); err != nil {
		t.Fatal(err)
	}
	if len(c.BaseURLs) != 2 || c.BaseURLs[1].Path != "/x/" || c.Token.Reveal() != "t0ken" || c.API.CA.Pool == nil {
		t.Errorf("API %+v", c.API)
	}
	if c.URL.Hostname() != "prom" || c.BearerToken.Reveal() != "b" || c.Prometheus.Username != "u" || c.Prometheus.Password.Reveal() != "p" || c.OrgID != "o" || c.Prometheus.CA.Pool == nil {
		t.Errorf("Prometheus %+v", c.Prometheus)
	}
	if len(c.Bootstrap) != 2 || c.Mechanism != "SCRAM-SHA-512" || c.Kafka.Username != "ku" || c.Kafka.Password.Reveal() != "kp" || !c.TLS || c.Kafka.CA.Pool == nil {
		t.Errorf("Kafka %+v", c.Kafka)
	}
}

func TestEveryMistakeIsNamed(t *testing.T) {
	notPEM := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(notPEM, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for setting, want := range map[string]string{
		"API_BASE_URL=ftp://x":                        "API_BASE_URL",
		"API_BASE_URL=localhost:8080":                 "want a URL like http://host:port",
		"API_BASE_URL=http://a,http://a/":             "entry 2: a is in the list twice",
		"API_BASE_URL=http://a,http://A:80":           "entry 2: A:80 is in the list twice",
		"API_BASE_URL=http://a,http://":               "entry 2: want a URL",
		"API_BASE_URL=,":                              "want at least one URL",
		"API_BASE_URL=http://user:hunter2@a,http://":  "entry 2: want a URL",
		"PROMETHEUS_URL=http://user:hunter2@/":        "PROMETHEUS_URL",
		"PROMETHEUS_URL=http://a/?x=1":                "without ? and #",
		"API_CA_FILE=/does/not/exist":                 "API_CA_FILE",
		"PROMETHEUS_CA_FILE=" + notPEM:                "holds no PEM certificate",
		"KAFKA_SASL_MECHANISM=GSSAPI":                 "want PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512",
		"KAFKA_TLS=perhaps":                           "KAFKA_TLS",
		"API_BEARER_TOKEN_FILE=/does/not/exist/token": "API_BEARER_TOKEN_FILE",
	} {
		var c Config
		err := env.Load(&c, []string{setting}, "")
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want it to say %q", setting, err, want)
		}
	}
}
