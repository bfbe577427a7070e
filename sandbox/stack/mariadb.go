package stack

import (
	"context"
	"crypto/rand"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"

	"payops-mcp/sandbox/stack/proc"
)

// Schema creates the payment system's tables in the database that is in use.
//
//go:embed schema.sql
var Schema string

// Database is the name of the payment schema.
const Database = "paydb"

// The accounts of every shard.
const (
	// ReaderUser may read the payment schema and see what a diagnosis needs;
	// the servers under test use it.
	ReaderUser = "payuser"
	// AppUser may read and write rows: the payment system itself.
	AppUser = "app"
	// AdminUser may do everything; injectors use it.
	AdminUser = "root"
)

// Passwords are those of the accounts, the same on every shard.
type Passwords struct{ Reader, App, Admin string }

func newPasswords() Passwords { return Passwords{rand.Text(), rand.Text(), rand.Text()} }

// AccountsSQL creates the database and its accounts, one statement an element,
// each on one line, so that a server can be given them as its init file.
func AccountsSQL(p Passwords) []string {
	account := func(user, host, password string) string {
		return fmt.Sprintf("CREATE OR REPLACE USER '%s'@'%s' IDENTIFIED BY '%s';", user, host, password)
	}
	return []string{
		"CREATE DATABASE IF NOT EXISTS " + Database + " CHARACTER SET utf8mb4;",
		account(ReaderUser, "%", p.Reader),
		"GRANT SELECT, SHOW VIEW ON " + Database + ".* TO '" + ReaderUser + "'@'%';",
		"GRANT PROCESS, SLAVE MONITOR ON *.* TO '" + ReaderUser + "'@'%';",
		account(AppUser, "%", p.App),
		"GRANT SELECT, INSERT, UPDATE, DELETE ON " + Database + ".* TO '" + AppUser + "'@'%';",
		// The fresh server's own accounts have no password.
		"DELETE FROM mysql.global_priv WHERE User NOT IN ('" + ReaderUser + "', '" + AppUser + "', 'mariadb.sys');",
		"FLUSH PRIVILEGES;",
		account(AdminUser, "%", p.Admin),
		"GRANT ALL ON *.* TO '" + AdminUser + "'@'%' WITH GRANT OPTION;",
	}
}

// MariaDBSettings are the options of every shard's server that do not depend on
// where it runs. Commits survive the death of the server, not of the machine.
func MariaDBSettings() []string {
	return []string{
		"--skip-name-resolve", "--skip-log-bin",
		"--character-set-server=utf8mb4", "--default-time-zone=+00:00",
		"--max-connections=200", "--max-allowed-packet=64M", "--local-infile=1",
		"--performance-schema=OFF", "--innodb-flush-log-at-trx-commit=2",
	}
}

// MariaDB is one shard.
type MariaDB struct {
	service
	// Shard counts from 1.
	Shard     int
	passwords Passwords

	mu    sync.Mutex
	pools map[string]*sql.DB // by user
}

// DSN is how the account of that name connects to the server itself, with
// times in UTC both ways.
func (m *MariaDB) DSN(user string) string { return m.config(user).FormatDSN() }

func (m *MariaDB) config(user string) *mysql.Config {
	c := mysql.NewConfig()
	c.Net, c.Addr, c.DBName = "tcp", m.addr, Database
	c.User = user
	switch user {
	case ReaderUser:
		c.Passwd = m.passwords.Reader
	case AppUser:
		c.Passwd = m.passwords.App
	case AdminUser:
		c.Passwd = m.passwords.Admin
	}
	c.ParseTime, c.Loc = true, time.UTC
	c.Params = map[string]string{"time_zone": "'+00:00'"}
	c.MultiStatements = user == AdminUser
	c.InterpolateParams = true
	c.Timeout = 10 * time.Second
	// Servers are away on purpose here; the error that is returned is enough.
	c.Logger = &mysql.NopLogger{}
	return c
}

// Open returns a pool of connections of the account of that name, the same at
// every call. Close of the stack closes it.
func (m *MariaDB) Open(user string) (*sql.DB, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if db := m.pools[user]; db != nil {
		return db, nil
	}
	db, err := m.connect(user)
	if err != nil {
		return nil, err
	}
	if m.pools == nil {
		m.pools = map[string]*sql.DB{}
	}
	m.pools[user] = db
	return db, nil
}

func (m *MariaDB) connect(user string) (*sql.DB, error) {
	c, err := mysql.NewConnector(m.config(user))
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(c), nil
}

// Admin is a pool of connections that may do everything; several statements
// may be sent at once.
func (m *MariaDB) Admin() *sql.DB { return m.must(AdminUser) }

// App is a pool of connections that may read and write rows.
func (m *MariaDB) App() *sql.DB { return m.must(AppUser) }

// must is Open for settings that this package made, which are always valid.
func (m *MariaDB) must(user string) *sql.DB {
	db, err := m.Open(user)
	if err != nil {
		panic(fmt.Sprintf("stack: connect to %s as %s: %v", m.name, user, err))
	}
	return db
}

func (m *MariaDB) closePools() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var err error
	for _, db := range m.pools {
		err = errors.Join(err, db.Close())
	}
	m.pools = nil
	return err
}

// ping asks once whether the server lets the administrator in.
func (m *MariaDB) ping(ctx context.Context) error {
	db, err := m.connect(AdminUser)
	if err != nil {
		return err
	}
	return errors.Join(db.PingContext(ctx), db.Close())
}

// asRoot is what a server needs to be told when root runs it.
func asRoot() []string {
	if os.Geteuid() == 0 {
		return []string{"--user=root"}
	}
	return nil
}

// startMariaDB initialises a data folder and starts a server on it.
func (s *Stack) startMariaDB(ctx context.Context, shard int, p Passwords) (*MariaDB, error) {
	server, err := binary("mariadbd")
	if err != nil {
		return nil, err
	}
	installer, err := binary("mariadb-install-db")
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	name := "shard" + strconv.Itoa(shard)
	dir := filepath.Join(s.Dir, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	logSize, bufferPool := "--innodb-log-file-size=8M", "--innodb-buffer-pool-size=64M"
	if s.options.Seed != nil && s.options.Seed.Payments > 100_000 {
		logSize, bufferPool = "--innodb-log-file-size=256M", "--innodb-buffer-pool-size=1G"
	}
	data := "--datadir=" + filepath.Join(dir, "data")
	install := proc.Spec{Name: name + "-install", Path: installer, Args: append([]string{
		"--no-defaults", data, "--auth-root-authentication-method=normal",
		"--skip-test-db", "--skip-name-resolve", logSize,
		// A starting server deletes temporary tables in its tmpdir, whoever
		// they belong to: shards that shared one would break each other.
		"--tmpdir=" + dir,
	}, asRoot()...)}
	if err := s.sup.Run(ctx, install); err != nil {
		return nil, fmt.Errorf("initialise the data folder of %s: %w", name, err)
	}
	initFile := filepath.Join(dir, "init.sql")
	if err := os.WriteFile(initFile, []byte(strings.Join(AccountsSQL(p), "\n")+"\n"), 0o600); err != nil {
		return nil, err
	}

	m := &MariaDB{Shard: shard, passwords: p}
	args := slices.Concat([]string{
		"--no-defaults", data,
		"--socket=" + filepath.Join(dir, "s.sock"), "--pid-file=" + filepath.Join(dir, "pid"),
		"--tmpdir=" + dir, "--log-error=" + filepath.Join(s.Dir, name+".log"),
		"--bind-address=127.0.0.1", "--server-id=" + strconv.Itoa(shard), logSize, bufferPool,
	}, MariaDBSettings(), asRoot())
	life, err := s.launch(ctx, &m.service, name, begin, func(addr string) (proc.Spec, error) {
		return proc.Spec{Path: server, Args: append(args, "--port="+portOf(addr), "--init-file="+initFile)}, nil
	}, m.ping)
	if err != nil {
		return nil, err
	}
	// A later start finds the accounts as they were left, whoever changed them.
	life.spec.Args = append(args, "--port="+portOf(m.addr))
	if err := os.Remove(initFile); err != nil {
		return nil, err
	}
	if _, err := m.Admin().ExecContext(ctx, Schema); err != nil {
		return nil, fmt.Errorf("create the tables of %s: %w", name, err)
	}
	return m, nil
}
