package env_test

import (
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"payops-mcp/shared/env"
)

type address struct{ *url.URL }

func (a *address) UnmarshalText(text []byte) (err error) {
	a.URL, err = url.Parse(string(text))
	return err
}

type shards struct{ Hosts []string }

func (s *shards) Load(get env.Lookup) error {
	for _, n := range []string{"DB_HOST_SHARD2", "DB_HOST_SHARD3"} {
		if host, ok := get(n); ok {
			s.Hosts = append(s.Hosts, host)
		}
	}
	if len(s.Hosts) > 1 {
		return errors.New("DB_HOST_SHARD3: one shard too many")
	}
	return nil
}

func (*shards) Settings() []env.Setting {
	return []env.Setting{{Name: "DB_HOST_SHARDn", Help: "host of shard n"}, {Name: "DB_PASSWORD_SHARDn", Help: "password", Secret: true}}
}

type config struct {
	env.Common
	URL      address       `env:"URL" default:"http://localhost:9090" help:"where"`
	Token    env.Secret    `env:"TOKEN" help:"token"`
	Password env.Secret    `env:"PASSWORD" help:"password"`
	Name     string        `env:"NAME" help:"name"`
	Allowed  bool          `env:"ALLOWED" default:"false" help:"allowed"`
	Retries  int           `env:"RETRIES" default:"10" min:"1" help:"retries"`
	Grace    time.Duration `env:"GRACE" default:"120s" max:"1h" help:"grace"`
	Topics   []string      `env:"TOPICS" default:"a,b" help:"topics"`
	Shards   shards

	derived string // is none of the settings
}

func TestDefaults(t *testing.T) {
	c := config{derived: "kept"}
	if err := env.Load(&c, nil, ""); err != nil {
		t.Fatal(err)
	}
	want := config{
		derived: "kept",
		Common:  env.Common{Zone: env.Zone{Location: time.Local}, CallTimeout: 30 * time.Second, MaxResultBytes: 60000},
		URL:     c.URL, Retries: 10, Grace: 2 * time.Minute, Topics: []string{"a", "b"},
	}
	if !reflect.DeepEqual(c, want) || c.URL.String() != "http://localhost:9090" {
		t.Errorf("got %+v, want %+v", c, want)
	}
}

func TestValuesOfEveryType(t *testing.T) {
	var c config
	err := env.Load(&c, []string{
		"PAYOPS_TIMEZONE=Asia/Seoul", "PAYOPS_MERCHANT_SCOPE=M1, M2,", "PAYOPS_CALL_TIMEOUT=5s", "PAYOPS_MAX_RESULT_BYTES=4000",
		"URL=https://u:p@prom.example/x", "TOKEN=pa$$word$&x${HOME}=", "NAME= spaced ", "ALLOWED=1", "RETRIES=1", "GRACE=1h", "TOPICS=x",
		"DB_HOST_SHARD2=db2", "UNRELATED=1",
	}, "")
	if err != nil {
		t.Fatal(err)
	}
	if c.Zone.String() != "Asia/Seoul" || !reflect.DeepEqual(c.MerchantScope, []string{"M1", "M2"}) || c.CallTimeout != 5*time.Second || c.MaxResultBytes != 4000 {
		t.Errorf("common: %+v", c.Common)
	}
	if c.Token.Reveal() != "pa$$word$&x${HOME}=" {
		t.Errorf("the token became %q", c.Token.Reveal())
	}
	if c.URL.Host != "prom.example" || c.Name != " spaced " || !c.Allowed || c.Retries != 1 || c.Grace != time.Hour || len(c.Topics) != 1 || c.Shards.Hosts[0] != "db2" {
		t.Errorf("got %+v", c)
	}
}

// Hosts hand on what the user left empty as an empty value or as the placeholder itself.
func TestWhatAHostLeftUnfilledIsNotSet(t *testing.T) {
	var c config
	err := env.Load(&c, []string{"RETRIES=", "GRACE=${user_config.grace}", "TOKEN=${user_config.token}", "TOKEN_FILE=${TOKEN_FILE}",
		"PAYOPS_MERCHANT_SCOPE=${user_config.scope}", "ALLOWED=${ALLOWED}"}, "")
	if err != nil {
		t.Fatal(err)
	}
	if c.Retries != 10 || c.Grace != 2*time.Minute || c.Token != "" || c.MerchantScope != nil || c.Allowed {
		t.Errorf("got %+v", c)
	}
}

func TestEveryMistakeIsToldAtOnce(t *testing.T) {
	dir := t.TempDir()
	empty := write(t, dir, "empty", "\n")
	var c config
	err := env.Load(&c, []string{
		"PAYOPS_TIMEZONE=Seoul", "PAYOPS_MERCHANT_SCOPE= , ", "PAYOPS_CALL_TIMEOUT=10m", "PAYOPS_MAX_RESULT_BYTES=-1",
		"URL=http://user:hunter2@host:port", "TOKEN=hunter2", "TOKEN_FILE=/x", "PASSWORD_FILE=" + empty,
		"ALLOWED=yes", "RETRIES=0", "GRACE=0s", "TOPICS=,", "DB_HOST_SHARD2=a", "DB_HOST_SHARD3=b",
	}, "")
	if err == nil {
		t.Fatal("it was taken")
	}
	for _, want := range []string{
		`PAYOPS_TIMEZONE="Seoul": want local, UTC or a zone name like Asia/Seoul`,
		`PAYOPS_MERCHANT_SCOPE=" , ": want a comma list with something in it`,
		`PAYOPS_CALL_TIMEOUT="10m": want 100ms to 5m`,
		`PAYOPS_MAX_RESULT_BYTES="-1": want 4000 to 500000`,
		`URL: parse "***": invalid port`,
		`TOKEN: both TOKEN and TOKEN_FILE are set: give one`,
		`PASSWORD: the file that PASSWORD_FILE names is empty`,
		`ALLOWED="yes": want true or false`,
		`RETRIES="0": want at least 1`,
		`GRACE="0s": want a length of time above zero`,
		`TOPICS=",": want a comma list`,
		`DB_HOST_SHARD3: one shard too many`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in\n%v", want, err)
		}
	}
	if n := strings.Count(err.Error(), "\n") + 1; n != 12 {
		t.Errorf("%d mistakes are told, 12 were made:\n%v", n, err)
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a secret is told:\n%v", err)
	}
}

func TestMistakesInBounds(t *testing.T) {
	for _, set := range []string{"PAYOPS_MAX_RESULT_BYTES=0", "PAYOPS_MAX_RESULT_BYTES=1e6", "PAYOPS_CALL_TIMEOUT=-1s", "PAYOPS_CALL_TIMEOUT=30", "GRACE=61m"} {
		if err := env.Load(&config{}, []string{set}, ""); err == nil {
			t.Errorf("%s was taken", set)
		}
	}
}

func TestSettingsFile(t *testing.T) {
	dir := t.TempDir()
	secret := write(t, dir, "secret", "\ufefffrom file\r\n")
	file := write(t, dir, "settings", "\ufeff# comment\r\n\r\nexport NAME = \"a # b\" \r\nRETRIES=3\nTOKEN='pa$$\"w${x}'\nPASSWORD_FILE="+secret+"\nDB_HOST_SHARD2=db2\nDB_PASSWORD_SHARD2_FILE=x\nGRACE=5s")
	var c config
	if err := env.Load(&c, []string{"RETRIES=4", "GRACE="}, file); err != nil {
		t.Fatal(err)
	}
	if c.Name != "a # b" || c.Retries != 4 || c.Token.Reveal() != `pa$$"w${x}` || c.Password.Reveal() != "from file" || c.Grace != 5*time.Second || len(c.Shards.Hosts) != 1 {
		t.Errorf("got %+v with token %q, password %q", c, c.Token.Reveal(), c.Password.Reveal())
	}
}

func TestMistakesInTheSettingsFile(t *testing.T) {
	file := write(t, t.TempDir(), "settings", "NAME=x\nnonsense\nTWO WORDS=1\nRETIRES=3\nNAME=y\nNAME_FILE=x\nRETRIES=no\nTOPICS_SHARD2=x\n")
	err := env.Load(&config{}, nil, file)
	if err == nil {
		t.Fatal("it was taken")
	}
	for _, want := range []string{"line 2: want NAME=value", "line 3: want NAME=value", "RETIRES is not a setting", "line 5: NAME is set twice",
		"NAME_FILE is not a setting", `RETRIES="no": want a whole number`, "TOPICS_SHARD2 is not a setting"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in\n%v", want, err)
		}
	}
	if err := env.Load(&config{}, nil, filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file gives %v", err)
	}
}

func TestSettingsAreListedInOrder(t *testing.T) {
	var names []string
	for _, s := range env.Settings(&config{}) {
		names = append(names, s.Name)
		if s.Secret != (s.Name == "TOKEN" || s.Name == "PASSWORD" || s.Name == "PAYOPS_HTTP_TOKEN" || s.Name == "DB_PASSWORD_SHARDn") {
			t.Errorf("%s: secret is %v", s.Name, s.Secret)
		}
		if s.Help == "" {
			t.Errorf("%s has no help", s.Name)
		}
	}
	want := "PAYOPS_TIMEZONE PAYOPS_MERCHANT_SCOPE PAYOPS_CALL_TIMEOUT PAYOPS_MAX_RESULT_BYTES PAYOPS_HTTP_TOKEN URL TOKEN PASSWORD NAME ALLOWED RETRIES GRACE TOPICS DB_HOST_SHARDn DB_PASSWORD_SHARDn"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func write(t *testing.T, dir, name, text string) (path string) {
	t.Helper()
	path = filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
