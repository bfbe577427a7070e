package env_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"payops-mcp/shared/env"
)

type numberedHosts struct{}

func (*numberedHosts) Load(env.Lookup) error { return nil }

func (*numberedHosts) Settings() []env.Setting {
	return []env.Setting{{Name: "DB_HOST_SHARDn"}, {Name: "DB_PASSWORD_SHARDn", Secret: true}}
}

func TestEffective(t *testing.T) {
	var c struct {
		URL    string        `env:"T_URL" default:"http://localhost"`
		Token  env.Secret    `env:"T_TOKEN"`
		Key    env.Secret    `env:"T_KEY"`
		Wait   time.Duration `env:"T_WAIT" default:"5s"`
		Name   string        `env:"T_NAME"`
		Zone   string        `env:"T_ZONE"`
		Shards numberedHosts
	}
	file := filepath.Join(t.TempDir(), "settings")
	if err := os.WriteFile(file, []byte("T_WAIT=7s\nT_ZONE=Asia/Seoul\nDB_PASSWORD_SHARD3=hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, v := range env.Effective(&c, []string{"T_URL=http://x", "T_TOKEN=hunter2", "T_KEY_FILE=/secret", "T_ZONE=UTC", "T_NAME=${T_NAME}", "DB_HOST_SHARD2=h2", "DB_HOST_SHARD10=h10"}, file) {
		got[v.Name] = v.From + " " + v.Value
	}
	want := map[string]string{"T_URL": "environment http://x", "T_TOKEN": "environment ***", "T_KEY": "environment ***", "T_WAIT": "file 7s", "T_NAME": "unset ",
		"T_ZONE": "environment UTC", "DB_HOST_SHARD2": "environment h2", "DB_HOST_SHARD10": "environment h10", "DB_PASSWORD_SHARD3": "file ***"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}
