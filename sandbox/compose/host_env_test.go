package compose_test

import (
	"maps"
	"net/url"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/dotenv"

	"payops-mcp/sandbox/incident"
	"payops-mcp/sandbox/stack"
)

// hostEnv is what host.env sets.
func hostEnv(t *testing.T) map[string]string {
	t.Helper()
	env, err := dotenv.Read("host.env")
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// attach is the stack that host.env describes, with addresses replaced by
// others: pairs of old and new. It does not dial.
func attach(t *testing.T, replace ...string) *stack.Stack {
	t.Helper()
	env, replacer := hostEnv(t), strings.NewReplacer(replace...)
	s, err := stack.Attach(func(name string) string { return replacer.Replace(env[name]) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// host.env holds what the stack that it describes tells others of itself, and
// the limits that incidents are made for.
func TestHostEnv(t *testing.T) {
	got, s := hostEnv(t), attach(t)
	if !s.Has(stack.Living) || len(s.Shards) != 2 || len(s.Paysim) != 6 {
		t.Errorf("parts are missing: there are %d shards, %d processes of the payment system and %d parts", len(s.Shards), len(s.Paysim), len(s.Parts()))
	}
	want := s.Env()
	maps.Copy(want, s.AdminEnv())
	maps.Copy(want, incident.Settings())
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s is %q, want %q", name, got[name], want[name])
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s is set, and nobody wants it", name)
		}
	}
}

// The shell reads host.env as docker's parser does.
func TestHostEnvInAShell(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no sh to read it with")
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "set -a; . ./host.env; set +a; exec env")
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		got[name] = value
	}
	for name, want := range hostEnv(t) {
		if got[name] != want {
			t.Errorf("in a shell %s is %q, want %q", name, got[name], want)
		}
	}
}

// The published ports are where host.env looks for the services.
func TestHostEnvLeadsToThePorts(t *testing.T) {
	published := map[string]bool{}
	for _, s := range load(t).Services {
		for _, p := range s.Ports {
			published[p.HostIP+":"+p.Published] = true
		}
	}
	s := attach(t)
	addrs := []string{s.KafkaBootstrap(), s.KafkaAdminAddr()}
	for _, p := range s.Parts() {
		addrs = append(addrs, p.Addr(), p.ClientAddr())
	}
	for _, p := range s.Paysim {
		addrs = append(addrs, p.ControlAddr())
	}
	load, err := url.Parse(hostEnv(t)["SANDBOX_LOAD_URL"])
	if err != nil {
		t.Fatal(err)
	}
	addrs = append(addrs, load.Host)
	reached := map[string]bool{}
	for _, addr := range addrs {
		reached[addr] = true
	}
	if !maps.Equal(reached, published) {
		t.Errorf("host.env leads to %v, and docker compose publishes %v", reached, published)
	}
}
