package compose_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/redis/go-redis/v9"

	"payops-mcp/sandbox/stack"
	"payops-mcp/sandbox/stack/proc"
	"payops-mcp/sandbox/stack/stacktest"
)

// settings are the lines of a file that say something.
func settings(t *testing.T, file, comment string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, comment) {
			lines = append(lines, line)
		}
	}
	return lines
}

// passwords are those that host.env has for a shard.
func passwords(t *testing.T, shard *stack.MariaDB) stack.Passwords {
	t.Helper()
	of := func(user string) string {
		c, err := mysql.ParseDSN(shard.DSN(user))
		if err != nil {
			t.Fatal(err)
		}
		return c.Passwd
	}
	return stack.Passwords{Reader: of(stack.ReaderUser), App: of(stack.AppUser), Admin: of(stack.AdminUser)}
}

func TestAccountsAreThoseOfTheStack(t *testing.T) {
	got := settings(t, "accounts.sql", "--")
	for _, shard := range attach(t).Shards {
		if want := stack.AccountsSQL(passwords(t, shard)); !slices.Equal(got, want) {
			t.Errorf("for the passwords that host.env has for %s accounts.sql has to be\n%s", shard.Name(), strings.Join(want, "\n"))
		}
	}
}

// The files do on a real server what they do in the container: its entry point
// gives them to the client as root, one after the other.
func TestDatabaseFiles(t *testing.T) {
	s := stacktest.Fresh(t, stack.Options{Parts: stack.PartMariaDB, Shards: 1})
	client, err := exec.LookPath("mariadb")
	if err != nil {
		t.Fatalf("the server is there without its client: %v", err)
	}
	server := s.Shards[0]
	root, err := mysql.ParseDSN(server.DSN(stack.AdminUser))
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.Admin().ExecContext(t.Context(), "DROP DATABASE "+stack.Database+"; CREATE DATABASE "+stack.Database); err != nil {
		t.Fatal(err)
	}
	for _, v := range load(t).Services["shard1"].Volumes {
		text, err := os.ReadFile(v.Source)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), client, "--no-defaults", "--host="+host, "--port="+port, "--user=root", "--database="+stack.Database)
		cmd.Env, cmd.Stdin = append(os.Environ(), "MYSQL_PWD="+root.Passwd), bytes.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", v.Source, err, out)
		}
		// What comes after is let in with the entry point's password.
		if strings.HasSuffix(v.Source, "accounts.sql") {
			root.Passwd = passwords(t, attach(t).Shards[0]).Admin
		}
	}
	healthy(t, "shard1", "--port="+port)

	// The accounts of host.env, on this server instead of theirs.
	here := attach(t, "127.0.0.1:3306", server.Addr()).Shards[0]
	open := func(user string) *sql.DB {
		db, err := here.Open(user)
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
	for _, user := range []string{stack.ReaderUser, stack.AppUser, stack.AdminUser} {
		var tables int
		if err := open(user).QueryRowContext(t.Context(), "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE()").Scan(&tables); err != nil {
			t.Errorf("%s: %v", user, err)
		}
		if want := strings.Count(stack.Schema, "CREATE TABLE"); tables != want {
			t.Errorf("%s sees %d tables, want %d", user, tables, want)
		}
	}
	_, err = open(stack.ReaderUser).ExecContext(t.Context(), "DELETE FROM payment")
	if refused, ok := errors.AsType[*mysql.MySQLError](err); !ok || refused.Number != 1142 {
		t.Errorf("the reader deleting: %v, want error 1142", err)
	}
	if _, err := open(stack.AppUser).ExecContext(t.Context(), "DELETE FROM payment"); err != nil {
		t.Errorf("the application deleting: %v", err)
	}
}

// healthy runs the health check of a service here, with the arguments that lead
// it to another port.
func healthy(t *testing.T, service string, port ...string) {
	t.Helper()
	test := load(t).Services[service].HealthCheck.Test
	cmd := exec.CommandContext(t.Context(), test[1], slices.Concat(port, test[2:])...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("the health check of %s: %v: %s", service, err, out)
	}
}

func TestRedisSettingsAreThoseOfTheStack(t *testing.T) {
	want := append([]string{"bind * -::*", "port 6379"}, stack.RedisSettings(redisPassword(t, stack.RedisAdminUser), redisPassword(t, stack.RedisReaderUser))...)
	if got := settings(t, "redis.conf", "#"); !slices.Equal(got, want) {
		t.Errorf("redis.conf has to be\n%s", strings.Join(want, "\n"))
	}
}

func redisPassword(t *testing.T, user string) string {
	t.Helper()
	o, err := redis.ParseURL(attach(t).Redis.URL(user))
	if err != nil {
		t.Fatal(err)
	}
	return o.Password
}

// A real Redis takes the file, and lets in whom host.env names, from another
// address than its own too, as behind a published port.
func TestRedisFile(t *testing.T) {
	stacktest.Require(t, stack.PartRedis)
	addr := run(t, "redis-server", func(_, port string) []string {
		return []string{abs(t, "redis.conf"), "--bind", "127.0.0.1", "--port", port}
	})
	server := attach(t, "127.0.0.1:6379", addr).Redis
	client := func(user string) *redis.Client {
		c, err := server.Client(user)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	for _, user := range []string{stack.RedisReaderUser, stack.RedisAdminUser} {
		c := client(user)
		stacktest.Works(t, user+" is let in", func(ctx context.Context) error { return c.Ping(ctx).Err() })
		err := c.Set(t.Context(), "rate:authorize:M-1", 1, 0).Err()
		if user == stack.RedisAdminUser && err != nil || user == stack.RedisReaderUser && (err == nil || !strings.HasPrefix(err.Error(), "NOPERM")) {
			t.Errorf("%s writing: %v", user, err)
		}
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	healthy(t, "redis", "-p", port)

	o := *client(stack.RedisReaderUser).Options()
	o.Dialer = func(ctx context.Context, network, _ string) (net.Conn, error) {
		from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
		return from.DialContext(ctx, network, addr)
	}
	stranger := redis.NewClient(&o)
	defer func() { _ = stranger.Close() }()
	if err := stranger.Ping(t.Context()).Err(); err != nil {
		t.Errorf("from 127.0.0.2, which is not the server's own address: %v", err)
	}
}

// A real Prometheus takes the file, and means to scrape what host.env calls the
// payment system's processes, under the names that the stack gives them.
func TestPrometheusFile(t *testing.T) {
	stacktest.Require(t, stack.PartPrometheus)
	addr := run(t, "prometheus", func(dir, port string) []string {
		return []string{"--config.file=" + abs(t, "prometheus.yml"), "--storage.tsdb.path=" + dir, "--web.listen-address=127.0.0.1:" + port}
	})
	client, err := api.NewClient(api.Config{Address: "http://" + addr})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]map[string]string{}
	services := load(t).Services
	for _, process := range attach(t).Paysim {
		if process.Job() == "" {
			continue
		}
		for _, p := range services[process.Name()].Ports {
			if process.Addr() == p.HostIP+":"+p.Published {
				labels := process.ScrapeLabels()
				labels["job"] = process.Job()
				// As the other containers reach it.
				want[fmt.Sprintf("http://%s:%d/actuator/prometheus", process.Name(), p.Target)] = labels
			}
		}
	}
	// It takes them up job by job.
	stacktest.Works(t, "prometheus has its targets", func(ctx context.Context) error {
		found, err := promv1.NewAPI(client).Targets(ctx)
		if err != nil {
			return err
		}
		got := map[string]map[string]string{}
		for _, target := range found.Active {
			labels := map[string]string{}
			for name, value := range target.Labels {
				labels[string(name)] = string(value)
			}
			got[target.ScrapeURL] = labels
		}
		if !maps.EqualFunc(got, want, maps.Equal) {
			return fmt.Errorf("prometheus scrapes %v, want %v", got, want)
		}
		return nil
	})
}

// abs is the path of a file of this folder, for a program that runs in another.
func abs(t *testing.T, file string) string {
	t.Helper()
	path, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// run starts a server that ends with the test, on a free port of the loopback.
func run(t *testing.T, program string, args func(dir, port string) []string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatal(err)
	}
	sup, err := proc.New(os.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sup.Close(); err != nil {
			t.Error(err)
		}
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	child, err := sup.Start(proc.Spec{Name: program, Path: path, Args: args(sup.Dir(), portOf(addr))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(child.LogTail())
		}
	})
	return addr
}
