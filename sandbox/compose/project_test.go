package compose_test

import (
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/go-sql-driver/mysql"

	"payops-mcp/sandbox/incident"
	"payops-mcp/sandbox/paysim"
	"payops-mcp/sandbox/stack"
)

// load reads docker-compose.yml as docker compose does, with every profile, and
// fails on what it does not know.
func load(t *testing.T) *types.Project { return loadWith(t, "*") }

func loadWith(t *testing.T, profiles ...string) *types.Project {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	p, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  root,
		ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(root, "docker-compose.yml")}},
	}, loader.WithProfiles(profiles))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestServices(t *testing.T) {
	p := load(t)
	images := map[string]string{}
	for name, s := range p.Services {
		images[name] = s.Image
	}
	want := map[string]string{
		"shard1": "mariadb:11.4", "shard2": "mariadb:11.4", "redis": "redis:7.4", "prometheus": "prom/prometheus:v3.5.0",
		"kafka": "apache/kafka:" + kafkaRelease(t),
	}
	for _, name := range append(processes(t), "traffic") {
		want[name] = "payops-mcp/sandbox:dev"
	}
	if !maps.Equal(images, want) {
		t.Errorf("the images are %v, want %v", images, want)
	}
	if len(p.Volumes) > 0 {
		t.Errorf("there are volumes with names, which outlive the containers: %v", p.VolumeNames())
	}
	for name, s := range p.Services {
		if s.HealthCheck == nil || len(s.HealthCheck.Test) < 2 || s.HealthCheck.Test[0] != "CMD" || s.HealthCheck.Interval == nil || s.HealthCheck.Timeout == nil || s.HealthCheck.StartPeriod == nil {
			t.Errorf("%s has no complete health check", name)
		}
		if s.Privileged || s.NetworkMode == "host" || len(s.CapAdd) > 0 {
			t.Errorf("%s has rights on the machine that it does not need", name)
		}
		if s.Build == nil {
			continue
		}
		if s.PullPolicy != types.PullPolicyBuild {
			t.Errorf("%s: the pull policy is %q, and there is nothing to pull", name, s.PullPolicy)
		}
		if _, err := os.Stat(filepath.Join(s.Build.Context, s.Build.Dockerfile)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// processes are the names of the payment system's processes, as in a stack.
func processes(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, p := range attach(t).Paysim {
		names = append(names, p.Name())
	}
	return names
}

// Nobody pays unless asked to.
func TestTrafficIsAProfile(t *testing.T) {
	all, usual := load(t), loadWith(t)
	if _, on := usual.Services["traffic"]; on || len(usual.Services) != len(all.Services)-1 {
		t.Errorf("without a profile these services start: %v", usual.ServiceNames())
	}
	c := all.Services["traffic"].Command
	if !slices.Contains(c, "--targets=http://ingest-1:8080,http://ingest-2:8080") || !slices.Contains(c, "--addr=:8380") {
		t.Errorf("the traffic is %v", c)
	}
}

// Each process is told where the others are, as the containers reach them, and
// has its own role and address.
func TestProcesses(t *testing.T) {
	p := load(t)
	limits := incident.LivingSettings()
	for _, process := range attach(t).Paysim {
		s := p.Services[process.Name()]
		var environ []string
		for name := range s.Environment {
			environ = append(environ, name+"="+value(s.Environment, name))
			if limit, ok := limits[name]; ok && limit != value(s.Environment, name) {
				t.Errorf("%s: %s is %q, want %s", process.Name(), name, value(s.Environment, name), limit)
			}
		}
		for name := range limits {
			if value(s.Environment, name) == "" {
				t.Errorf("%s is not told %s", process.Name(), name)
			}
		}
		settings, err := paysim.LoadSettings(environ)
		if err != nil {
			t.Errorf("%s: %v", process.Name(), err)
			continue
		}
		if !slices.Equal(settings.Roles, []string{process.Role()}) {
			t.Errorf("%s plays %v, want %s", process.Name(), settings.Roles, process.Role())
		}
		listens := map[string]string{
			paysim.RoleGateway: settings.GatewayAddr, paysim.RoleIngest: settings.Addr, paysim.RoleLedger: settings.LedgerAddr,
			paysim.RoleSettlement: settings.SettlementAddr, paysim.RoleRefund: settings.RefundAddr,
		}[process.Role()]
		got := map[string]string{}
		for _, port := range s.Ports {
			got["127.0.0.1:"+port.Published] = ":" + strconv.Itoa(int(port.Target))
		}
		want := map[string]string{process.Addr(): listens, process.ControlAddr(): settings.ControlAddr}
		if !maps.Equal(got, want) {
			t.Errorf("%s: the ports lead to %v, and it listens on %v", process.Name(), got, want)
		}
		if probe := s.HealthCheck.Test[len(s.HealthCheck.Test)-1]; probe != "http://127.0.0.1"+settings.ControlAddr+"/status" {
			t.Errorf("%s: the health check asks %s, which is not the control port", process.Name(), probe)
		}
		for _, addr := range []string{dsnAddr(t, settings.DB.Reveal()), dsnAddr(t, settings.DBShard2.Reveal()), hostOf(t, settings.Redis.Reveal()), settings.Kafka[0], hostOf(t, settings.Gateway)} {
			host, _, err := net.SplitHostPort(addr)
			if _, known := p.Services[host]; err != nil || !known {
				t.Errorf("%s is told of %s, which is no service (%v)", process.Name(), addr, err)
			}
		}
	}
}

func dsnAddr(t *testing.T, dsn string) string {
	t.Helper()
	c, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	if c.User != stack.AppUser || c.DBName != stack.Database {
		t.Errorf("%s is not the account and database of the payment system", c.User)
	}
	return c.Addr
}

func hostOf(t *testing.T, text string) string {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

// kafkaRelease is the exact release of the 3.9 line that package stack runs.
func kafkaRelease(t *testing.T) string {
	t.Helper()
	pom, err := os.ReadFile("../stack/kafka/3.9/pom.xml")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`<kafka\.version>(.+)</kafka\.version>`).FindSubmatch(pom)
	if found == nil {
		t.Fatal("the pom of Kafka 3.9 names no release")
	}
	return string(found[1])
}

// What the machine's neighbours could reach would be a database whose
// password stands in a public file.
func TestPortsAreForThisMachine(t *testing.T) {
	got := map[string]string{}
	for name, s := range load(t).Services {
		for _, p := range s.Ports {
			if p.HostIP != "127.0.0.1" {
				t.Errorf("%s: port %s is open on %q", name, p.Published, p.HostIP)
			}
			got[p.Published] = name + ":" + strconv.Itoa(int(p.Target))
		}
	}
	want := map[string]string{
		"3306": "shard1:3306", "3307": "shard2:3306", "6379": "redis:6379", "9090": "prometheus:9090", "9092": "kafka:9092",
		"8080": "ingest-1:8080", "8180": "ingest-1:8180", "8081": "ingest-2:8080", "8181": "ingest-2:8180",
		"8082": "ledger:8081", "8182": "ledger:8180", "8084": "settlement:8084", "8184": "settlement:8180",
		"8085": "refund:8085", "8185": "refund:8180", "8090": "gateway:8090", "8190": "gateway:8180", "8380": "traffic:8380",
	}
	if !maps.Equal(got, want) {
		t.Errorf("the ports are %v, want %v", got, want)
	}
}

func TestMounts(t *testing.T) {
	p := load(t)
	got := map[string][]string{}
	for name, s := range p.Services {
		for _, v := range s.Volumes {
			if v.Type != types.VolumeTypeBind || !v.ReadOnly {
				t.Errorf("%s: %s is a %s that is not read-only", name, v.Target, v.Type)
			}
			if info, err := os.Stat(v.Source); err != nil || !info.Mode().IsRegular() {
				t.Errorf("%s: %s is no file, and Docker would make a folder of it: %v", name, v.Source, err)
			}
			source, err := filepath.Rel(p.WorkingDir, v.Source)
			if err != nil {
				t.Error(err)
			}
			got[name] = append(got[name], filepath.ToSlash(source)+" "+v.Target)
		}
	}
	shard := []string{
		"sandbox/stack/schema.sql /docker-entrypoint-initdb.d/01-schema.sql",
		"sandbox/compose/accounts.sql /docker-entrypoint-initdb.d/02-accounts.sql",
	}
	want := map[string][]string{
		"shard1": shard, "shard2": shard,
		"redis":      {"sandbox/compose/redis.conf /usr/local/etc/redis/redis.conf"},
		"prometheus": {"sandbox/compose/prometheus.yml /etc/prometheus/prometheus.yml"},
	}
	if !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("the mounts are %v, want %v", got, want)
	}
	if c := p.Services["redis"].Command; !slices.Contains(c, "/usr/local/etc/redis/redis.conf") {
		t.Errorf("redis does not read its file: %v", c)
	}
	if c := p.Services["prometheus"].Command; !slices.Contains(c, "--config.file=/etc/prometheus/prometheus.yml") {
		t.Errorf("prometheus does not read its file: %v", c)
	}
}

func TestOrderOfStart(t *testing.T) {
	got := map[string][]string{}
	for name, s := range load(t).Services {
		for other, d := range s.DependsOn {
			if d.Condition != types.ServiceConditionHealthy {
				t.Errorf("%s waits for %s to be %s", name, other, d.Condition)
			}
			got[name] = append(got[name], other)
		}
		slices.Sort(got[name])
	}
	want := map[string][]string{
		"prometheus": {"ingest-1", "ingest-2", "ledger", "refund", "settlement"}, "traffic": {"ingest-1", "ingest-2"},
	}
	for _, name := range processes(t) {
		want[name] = []string{"kafka", "redis", "shard1", "shard2"}
	}
	if !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("the services wait for %v, want %v", got, want)
	}
}

func TestShardsAreSetAsTheStackSetsThem(t *testing.T) {
	p := load(t)
	admin := attach(t).Shards[0].DSN(stack.AdminUser)
	for name, id := range map[string]string{"shard1": "1", "shard2": "2"} {
		s := p.Services[name]
		if want := append([]string{"--server-id=" + id}, stack.MariaDBSettings()...); !slices.Equal(s.Command, want) {
			t.Errorf("%s is started with %v, want %v", name, s.Command, want)
		}
		if got := value(s.Environment, "MARIADB_DATABASE"); got != stack.Database {
			t.Errorf("%s has the database %q, want %s", name, got, stack.Database)
		}
		if password := value(s.Environment, "MARIADB_ROOT_PASSWORD"); !strings.HasPrefix(admin, stack.AdminUser+":"+password+"@") {
			t.Errorf("%s: the entry point's password for root is not that of accounts.sql", name)
		}
	}
}

func value(m types.MappingWithEquals, name string) string {
	if v := m[name]; v != nil {
		return *v
	}
	return ""
}

// A client is sent on to the address that the listener it came through
// advertises: one that it can reach.
func TestKafkaListeners(t *testing.T) {
	p := load(t)
	env := p.Services["kafka"].Environment
	advertised := listeners(value(env, "KAFKA_ADVERTISED_LISTENERS"))
	if got, want := advertised["HOST"], attach(t).KafkaBootstrap(); got != want {
		t.Errorf("programs on this machine are sent on to %s, want %s", got, want)
	}
	for _, name := range processes(t) {
		if got := value(p.Services[name].Environment, "PAYSIM_KAFKA"); got != advertised["INTERNAL"] {
			t.Errorf("%s asks %s, want %s", name, got, advertised["INTERNAL"])
		}
		if c := p.Services[name].Command; !slices.Contains(c, "--topics-at="+advertised["INTERNAL"]) {
			t.Errorf("%s creates its topics elsewhere than on %s: %v", name, advertised["INTERNAL"], c)
		}
	}
	if host, _, err := net.SplitHostPort(advertised["INTERNAL"]); err != nil || host != "kafka" {
		t.Errorf("containers are sent on to %q, want the service kafka", advertised["INTERNAL"])
	}
	for name, addr := range listeners(value(env, "KAFKA_LISTENERS")) {
		if to, ok := advertised[name]; ok && portOf(to) != portOf(addr) {
			t.Errorf("listener %s is on %s and advertised as %s", name, addr, to)
		}
		if !strings.Contains(value(env, "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"), name+":PLAINTEXT") {
			t.Errorf("listener %s has no protocol", name)
		}
	}
}

// listeners reads a list as in "HOST://127.0.0.1:9092,INTERNAL://kafka:19092".
func listeners(list string) map[string]string {
	all := map[string]string{}
	for l := range strings.SplitSeq(list, ",") {
		name, addr, _ := strings.Cut(l, "://")
		all[name] = addr
	}
	return all
}

func portOf(addr string) string {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return port
}
