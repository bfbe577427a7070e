package dbtest

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Server is a MariaDB of a test's own, which it may stop, restart and fill up.
type Server struct {
	Endpoint
	// Admin may do everything, over one connection in UTC. After a restart it
	// connects again.
	Admin *sql.DB

	admin *mysql.Config
	dir   string
	args  []string
	mu    sync.Mutex
	cmd   *exec.Cmd
	done  chan struct{} // closed when cmd has ended
}

// startTime is how long a server may take to be ready on a busy machine.
const startTime = time.Minute

// Start starts a server with more options than it needs, for example
// --max-connections=5. Where MariaDB is not installed the test is skipped, and
// fails where nothing may be skipped.
func Start(t testing.TB, options ...string) *Server {
	t.Helper()
	program, installer := program(t, "mariadbd"), program(t, "mariadb-install-db")
	s := &Server{dir: folder(t)}
	install := exec.Command(installer, append([]string{
		"--no-defaults", "--datadir=" + s.data(), "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve",
		"--innodb-log-file-size=8M", "--tmpdir=" + s.dir,
	}, asRoot()...)...)
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("initialise a data folder: %v\n%s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Endpoint = endpoint(t, l)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	s.args = slices.Concat([]string{program,
		"--no-defaults", "--datadir=" + s.data(), "--socket=" + filepath.Join(s.dir, "s"), "--pid-file=" + filepath.Join(s.dir, "pid"),
		"--tmpdir=" + s.dir, "--log-error=" + filepath.Join(s.dir, "log"), "--bind-address=127.0.0.1", "--port=" + strconv.Itoa(s.Port),
		"--skip-name-resolve", "--innodb-log-file-size=8M", "--innodb-buffer-pool-size=16M", "--innodb-flush-log-at-trx-commit=0",
		"--character-set-server=utf8mb4", "--performance-schema=OFF",
	}, options, asRoot())
	c := mysql.NewConfig()
	c.Net, c.Addr, c.User = "tcp", net.JoinHostPort(s.Host, strconv.Itoa(s.Port)), "root"
	c.ParseTime, c.Loc, c.InterpolateParams = true, time.UTC, true
	c.Params = map[string]string{"time_zone": "'+00:00'", "sql_mode": "'STRICT_TRANS_TABLES'"}
	c.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		t.Fatal(err)
	}
	s.admin = c
	s.Admin = sql.OpenDB(connector)
	s.Admin.SetMaxOpenConns(1)
	t.Cleanup(func() {
		_ = s.Admin.Close()
		s.kill()
	})
	s.Up(t)
	return s
}

// program finds a program of MariaDB, which may lie where users have no path to.
func program(t testing.TB, name string) string {
	t.Helper()
	for _, n := range []string{name, "/usr/sbin/" + name, "/usr/local/sbin/" + name} {
		if path, err := exec.LookPath(n); err == nil {
			return path
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is not installed, and CI must not skip", name)
	}
	t.Skipf("%s is not installed: scripts/test installs it", name)
	return ""
}

// folder is in memory where that can be: a data folder is a hundred files.
func folder(t testing.TB) string {
	t.Helper()
	const memory = "/dev/shm"
	if info, err := os.Stat(memory); err != nil || !info.IsDir() {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(memory, "dbtest-") //nolint:usetesting // t.TempDir is on disk
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("remove a data folder: %v", err)
		}
	})
	return dir
}

func asRoot() []string {
	if os.Geteuid() == 0 {
		return []string{"--user=root"}
	}
	return nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// Up starts the server and waits until it answers.
func (s *Server) Up(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cmd = exec.Command(s.args[0], s.args[1:]...)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	cmd, done := s.cmd, make(chan struct{})
	s.done = done
	go func() {
		defer close(done)
		_ = cmd.Wait() // mostly killed on purpose; the log says why it ended else
	}()
	for end := time.Now().Add(startTime); ; {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		err := s.Admin.PingContext(ctx)
		cancel()
		if err == nil {
			return
		}
		select {
		case <-done:
			log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			t.Fatalf("the server ended: %s", log)
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(end) {
			t.Fatalf("the server at port %d is not ready after %s: %v", s.Port, startTime, err)
		}
	}
}

// Down ends the server at once, as a crash does, and waits until it is gone.
func (s *Server) Down(t testing.TB) {
	t.Helper()
	s.kill()
}

func (s *Server) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill() // it may have ended by itself
	<-s.done
	s.cmd = nil
}

// Shard makes an empty payment schema with all tables on the server, as New does on
// the shared ones, with an account of the given name that may only read it.
func (s *Server) Shard(t testing.TB, db *DB, name string) *Shard {
	t.Helper()
	one := &Shard{Host: s.Host, Port: s.Port, Admin: s.Admin, admin: s.admin, name: name}
	one.Exec(t, "CREATE DATABASE `"+db.Database+"` CHARACTER SET utf8mb4")
	one.Exec(t, "USE `"+db.Database+"`")
	for _, statement := range slices.Concat([]string{Schema}, children) {
		one.Exec(t, statement)
	}
	one.Exec(t, "CREATE USER ?@'%' IDENTIFIED BY ?", db.User, string(db.Password))
	one.Exec(t, "GRANT SELECT ON `"+db.Database+"`.* TO ?@'%'", db.User)
	one.Exec(t, "GRANT PROCESS, SLAVE MONITOR ON *.* TO ?@'%'", db.User)
	return one
}

// Own is a database of one shard on a server of the test's own.
func Own(t testing.TB, options ...string) (*DB, *Server) {
	t.Helper()
	s := Start(t, options...)
	db := named()
	db.Shards = append(db.Shards, s.Shard(t, db, "shard1"))
	return db, s
}

// Pair is a database of two shards, each on a server of the test's own.
func Pair(t testing.TB, options ...string) *DB {
	t.Helper()
	db := named()
	for i := range 2 {
		s := Start(t, append([]string{"--server-id=" + strconv.Itoa(i+1)}, options...)...)
		db.Shards = append(db.Shards, s.Shard(t, db, "shard"+strconv.Itoa(i+1)))
	}
	return db
}

// Use goes back into the schema after a restart.
func (s *Server) Use(t testing.TB, db *DB) {
	t.Helper()
	if _, err := s.Admin.Exec("USE `" + db.Database + "`"); err != nil {
		t.Fatal(fmt.Errorf("go back into the schema: %w", err))
	}
}
