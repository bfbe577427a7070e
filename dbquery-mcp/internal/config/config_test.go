package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"payops-mcp/dbquery-mcp/internal/config"
	"payops-mcp/shared/env"
)

func load(t *testing.T, environ ...string) config.Config {
	t.Helper()
	var c config.Config
	if err := env.Load(&c, environ, ""); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDefaults(t *testing.T) {
	c := load(t)
	want := config.Shard{Name: "shard1", Host: "localhost", Port: 3306, User: "payuser", Database: "paydb"}
	if len(c.DB.Shards) != 1 || c.DB.Shards[0] != want {
		t.Errorf("shards %+v, want %+v alone", c.DB.Shards, want)
	}
	if c.StatementTimeout != 5*time.Second || c.RequireReadOnly || c.AllowSelect || c.DB.TLS != nil || c.DB.Missing != "" {
		t.Errorf("defaults are %+v", c)
	}
}

func TestShardsInherit(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte("other\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := load(t, "PAYMENT_DB_HOST=a", "PAYMENT_DB_PORT=3307", "PAYMENT_DB_USER=u", "PAYMENT_DB_PASSWORD=p", "PAYMENT_DB_NAME=n",
		"PAYMENT_DB_HOST_SHARD2=b", "PAYMENT_DB_HOST_SHARD3=c", "PAYMENT_DB_PORT_SHARD3=3309", "PAYMENT_DB_PASSWORD_SHARD3_FILE="+secret)
	want := []config.Shard{
		{Name: "shard1", Host: "a", Port: 3307, User: "u", Password: "p", Database: "n"},
		{Name: "shard2", Host: "b", Port: 3306, User: "u", Password: "p", Database: "n"},
		{Name: "shard3", Host: "c", Port: 3309, User: "u", Password: "other", Database: "n"},
	}
	for i, s := range c.DB.Shards {
		if s != want[i] {
			t.Errorf("%s is %s at %s:%d as %s, want %+v", want[i].Name, s.Database, s.Host, s.Port, s.User, want[i])
		}
	}
	if printed := fmt.Sprintf("%v %+v", c.DB.Shards, c.DB.Shards); strings.Contains(printed, "other") {
		t.Error("a password prints")
	}
}

func TestMistakes(t *testing.T) {
	for name, x := range map[string]struct {
		environ []string
		want    string
	}{
		"gap":         {[]string{"PAYMENT_DB_HOST_SHARD3=c"}, "shard 3 is set, shard 2 is not"},
		"no host":     {[]string{"PAYMENT_DB_PORT_SHARD2=3307"}, "PAYMENT_DB_HOST_SHARD2 is not set"},
		"first":       {[]string{"PAYMENT_DB_HOST_SHARD1=a"}, "shard 1 is PAYMENT_DB_HOST"},
		"port":        {[]string{"PAYMENT_DB_PORT=70000"}, `PAYMENT_DB_PORT="70000"`},
		"tls":         {[]string{"PAYMENT_DB_TLS=maybe"}, "want off, on or skip-verify"},
		"ca alone":    {[]string{"PAYMENT_DB_CA_FILE=x.pem"}, "PAYMENT_DB_TLS=on only"},
		"no such ca":  {[]string{"PAYMENT_DB_TLS=on", "PAYMENT_DB_CA_FILE=no/such.pem"}, "PAYMENT_DB_CA_FILE: open"},
		"no such pem": {[]string{"PAYMENT_DB_TLS=on", "PAYMENT_DB_CA_FILE=config.go"}, "no certificate in PEM form"},
		"two secrets": {[]string{"PAYMENT_DB_PASSWORD=a", "PAYMENT_DB_PASSWORD_FILE=b"}, "give one"},
		"limit":       {[]string{"DB_STATEMENT_TIMEOUT=0s"}, "DB_STATEMENT_TIMEOUT"},
		"both told":   {[]string{"PAYMENT_DB_PORT=x", "PAYMENT_DB_PORT_SHARD2=y", "PAYMENT_DB_HOST_SHARD2=b"}, `PAYMENT_DB_PORT_SHARD2="y"`},
	} {
		t.Run(name, func(t *testing.T) {
			var c config.Config
			err := env.Load(&c, x.environ, "")
			if err == nil || !strings.Contains(err.Error(), x.want) {
				t.Errorf("got %v, want it to say %q", err, x.want)
			}
		})
	}
}

// Entries of the servers that this one replaces give an API_BASE_URL and nothing else.
func TestMissing(t *testing.T) {
	if got := load(t, "API_BASE_URL=http://localhost:8080").DB.Missing; !strings.Contains(got, "PAYMENT_DB_HOST is not set") || !strings.Contains(got, "API_BASE_URL") {
		t.Errorf("an entry with API_BASE_URL alone is told %q", got)
	}
	if got := load(t, "API_BASE_URL=http://localhost:8080", "PAYMENT_DB_HOST=localhost").DB.Missing; got != "" {
		t.Errorf("an entry that names the database is told %q", got)
	}
}

func TestEverySettingIsDocumented(t *testing.T) {
	for _, s := range env.Settings(&config.Config{}) {
		if s.Help == "" {
			t.Errorf("%s has no help", s.Name)
		}
	}
}
