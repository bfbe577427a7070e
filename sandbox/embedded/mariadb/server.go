package mariadb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	sqle "github.com/dolthub/go-mysql-server"
	"github.com/dolthub/go-mysql-server/memory"
	"github.com/dolthub/go-mysql-server/server"
	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/go-sql-driver/mysql"
	"github.com/sirupsen/logrus"
)

// Options say what a shard is.
type Options struct {
	// Shard is the server's id, counted from 1.
	Shard int
	// Listener is where it takes connections; Close closes it.
	Listener net.Listener
	// Database is the schema that it has, made by the statements of Schema.
	Database, Schema string
	// Accounts may connect.
	Accounts []Account
	// Failed is told of every statement that failed, and how; nil is nobody.
	Failed func(statement string, err error)
}

// Account is a user of the server.
type Account struct {
	Name, Password string
	// Reader says that it may read the database and see processes, and no more.
	Reader bool
}

// Server is a running shard.
type Server struct {
	options  Options
	begun    time.Time
	server   *server.Server
	listener *listener
	turns    *turns

	mu       sync.Mutex
	sessions map[string]*session // by the client's address
	most     int                 // sessions at the same time so far
	ended    chan struct{}
}

// root makes the schema and the accounts; it is gone when Start returns.
const root = "embedded-root"

// nowhere keeps go-mysql-server from storing accounts.
type nowhere struct{}

func (nowhere) Persist(*gms.Context, []byte) error { return nil }

// quiet silences go-mysql-server, which logs to stderr every statement that
// fails.
var quiet = sync.OnceFunc(func() {
	logrus.SetLevel(logrus.PanicLevel)
	logrus.SetOutput(io.Discard)
})

// Start starts a shard with its schema and accounts.
func Start(ctx context.Context, o Options) (*Server, error) {
	quiet()
	s := &Server{options: o, begun: time.Now(), turns: newTurns(), sessions: map[string]*session{}, ended: make(chan struct{})}
	db := memory.NewDatabase(o.Database)
	db.EnablePrimaryKeyIndexes()
	provider := memory.NewDBProvider(db)
	engine := sqle.NewDefault(provider)
	accounts := engine.Analyzer.Catalog.MySQLDb
	accounts.SetEnabled(true)
	accounts.SetPersister(nowhere{})
	edit := accounts.Editor()
	accounts.AddSuperUser(edit, root, "%", root)
	for _, a := range o.Accounts {
		if !a.Reader {
			accounts.AddSuperUser(edit, a.Name, "%", a.Password)
		}
	}
	edit.Close()

	s.listener = &listener{Listener: o.Listener, server: s}
	var chain server.InterceptorChain
	chain.WithInterceptor(interceptor{s})
	var err error
	s.server, err = server.NewServer(server.Config{
		Protocol: "tcp", Address: o.Listener.Addr().String(), Listener: s.listener, Version: version,
		MaxConnections: maxConnections, Options: []server.Option{chain.Option()},
	}, engine, gms.NewContext, memory.NewSessionBuilder(provider), nil)
	if err != nil {
		return nil, fmt.Errorf("embedded MariaDB: %w", err)
	}
	go func() {
		defer close(s.ended)
		_ = s.server.Start()
	}()
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// prepare makes the schema and the accounts of readers.
func (s *Server) prepare(ctx context.Context) (err error) {
	c := mysql.NewConfig()
	c.Net, c.Addr, c.User, c.Passwd, c.DBName = "tcp", s.options.Listener.Addr().String(), root, root, s.options.Database
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer func() { err = errors.Join(err, db.Close()) }()
	statements := append([]string{"SET GLOBAL local_infile=1"}, strings.Split(s.options.Schema, ";\n")...)
	for _, a := range s.options.Accounts {
		if a.Reader {
			statements = append(statements,
				fmt.Sprintf("CREATE USER '%s'@'%%' IDENTIFIED BY '%s'", a.Name, a.Password),
				fmt.Sprintf("GRANT SELECT, SHOW VIEW ON %s.* TO '%s'@'%%'", s.options.Database, a.Name),
				fmt.Sprintf("GRANT PROCESS ON *.* TO '%s'@'%%'", a.Name))
		}
	}
	for _, statement := range append(statements, fmt.Sprintf("DROP USER '%s'@'%%'", root)) {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("embedded MariaDB: %w in %q", err, statement)
		}
	}
	return nil
}

// Close ends the server and its connections.
func (s *Server) Close() error {
	err := s.server.Close()
	<-s.ended
	return err
}

// listener tells the server when a connection ends, which go-mysql-server does
// not tell those who intercept.
type listener struct {
	net.Listener
	server *Server
}

func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, server: l.server}, nil
}

type conn struct {
	net.Conn
	server *Server
	once   sync.Once
}

func (c *conn) Close() error {
	c.once.Do(func() { c.server.forget(c.RemoteAddr().String()) })
	return c.Conn.Close()
}
