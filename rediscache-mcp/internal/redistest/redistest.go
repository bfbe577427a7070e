// Package redistest runs private Redis servers for tests: real ones, since no
// stand-in refuses, loads, stops or runs out of memory as Redis does.
package redistest

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
)

// patience is how long a server may take to do what a test waits for.
const patience = 20 * time.Second

// Server is a redis-server of one test.
type Server struct {
	Addr  string // 127.0.0.1:port
	Dir   string // its working directory
	Admin *redis.Client

	t     testing.TB
	flags string
	guard *exec.Cmd
	alive io.Closer
	pid   string
}

// Start runs a server with lines of configuration besides address and directory.
// Nothing is saved unless they say so. Without redis-server on the path the test
// is skipped, or fails in CI. The server ends with the test, also if that is killed.
func Start(t testing.TB, conf ...string) *Server {
	t.Helper()
	return start(t, "", conf)
}

func start(t testing.TB, flags string, conf []string) *Server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("redis-server is needed: %v", err)
		}
		t.Skipf("redis-server is needed: %v", err)
	}
	logging.Disable() // it tells of each dial before the server listens
	s := &Server{t: t, Dir: t.TempDir(), flags: flags}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Addr = l.Addr().String()
	_ = l.Close()
	s.Admin = redis.NewClient(&redis.Options{Addr: s.Addr, Protocol: 2, DisableIdentity: true, MaxRetries: -1, DialerRetries: 1, PoolSize: 100})
	t.Cleanup(func() {
		_ = s.Admin.Close()
		s.Stop()
	})
	s.Run(conf...)
	return s
}

// Run starts the server, again after Stop, with other lines of configuration.
func (s *Server) Run(conf ...string) {
	s.t.Helper()
	_, port, _ := net.SplitHostPort(s.Addr)
	lines := append([]string{"bind 127.0.0.1", "port " + port, "dir " + s.Dir, `save ""`, "appendonly no", "daemonize no"}, conf...)
	file := filepath.Join(s.t.TempDir(), "redis.conf")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	// The shell waits for its input to end, which it does with this process
	// however that ends, and takes the server with it.
	s.guard = exec.Command("sh", "-c", `redis-server "$0" $1 >"$0.log" 2>&1 & cat >/dev/null; kill -9 $! 2>/dev/null; wait`, file, s.flags) //nolint:gosec // a file of ours
	in, err := s.guard.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	s.alive = in
	if err := s.guard.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.Await("the server to answer", func() bool {
		err := s.Admin.Ping(context.Background()).Err()
		return err == nil || redis.IsLoadingError(err)
	})
	s.pid = s.Stat("process_id")
}

// Stop ends the server at once. Its data is lost unless it was saved.
func (s *Server) Stop() {
	if s.guard == nil {
		return
	}
	_ = s.alive.Close()
	_ = s.guard.Wait() // it is killed, which is no failure
	s.guard = nil
}

// Hang stops the process without ending it, as a debugger or a full memory does.
func (s *Server) Hang() { s.signal("-STOP") }

// Resume lets it go on.
func (s *Server) Resume() { s.signal("-CONT") }

func (s *Server) signal(signal string) {
	s.t.Helper()
	if out, err := exec.Command("kill", signal, s.pid).CombinedOutput(); err != nil { //nolint:gosec // the id of a process of ours
		s.t.Fatalf("kill %s: %v: %s", signal, err, out)
	}
}

// LoseDir takes the server's directory away, as a lost disk does.
func (s *Server) LoseDir() {
	s.t.Helper()
	if err := os.RemoveAll(s.Dir); err != nil {
		s.t.Fatal(err)
	}
}

// Do runs a command as administrator and returns its answer in words; an error
// reply is an answer too.
func (s *Server) Do(args ...any) string {
	s.t.Helper()
	v, err := s.Admin.Do(context.Background(), args...).Result()
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(v)
}

// Must runs a command that must not fail.
func (s *Server) Must(args ...any) {
	s.t.Helper()
	if err := s.Admin.Do(context.Background(), args...).Err(); err != nil {
		s.t.Fatalf("%v: %v", args, err)
	}
}

// Stat returns a number of INFO.
func (s *Server) Stat(name string) string {
	s.t.Helper()
	info, err := s.Admin.Info(context.Background(), "everything").Result()
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+":"); ok {
			return value
		}
	}
	return ""
}

// Number returns a number of INFO.
func (s *Server) Number(name string) int64 {
	s.t.Helper()
	n, err := strconv.ParseInt(s.Stat(name), 10, 64)
	if err != nil {
		s.t.Fatalf("INFO %s: %v", name, err)
	}
	return n
}

// Await waits until a condition holds.
func (s *Server) Await(what string, holds func() bool) {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			s.t.Fatalf("waited %s for %s", patience, what)
		}
		time.Sleep(5 * time.Millisecond) // between two looks at the condition
	}
}

// Slow returns the address of a proxy before addr that holds each answer back.
func Slow(t testing.TB, addr string, delay time.Duration) string {
	t.Helper()
	return listen(t, func(client net.Conn) {
		server, err := net.Dial("tcp", addr)
		if err != nil {
			return
		}
		defer server.Close()
		go func() {
			_, _ = io.Copy(server, client)
			_ = server.Close()
		}()
		answer := make([]byte, 64<<10)
		for {
			n, err := server.Read(answer)
			if err != nil {
				return
			}
			time.Sleep(delay)
			if _, err := client.Write(answer[:n]); err != nil {
				return
			}
		}
	})
}

// BlackHole returns an address that takes connections and never answers.
func BlackHole(t testing.TB) string {
	t.Helper()
	return listen(t, func(client net.Conn) { _, _ = io.Copy(io.Discard, client) })
}

// Saying returns an address that answers every connection with the same words.
func Saying(t testing.TB, words string) string {
	t.Helper()
	return listen(t, func(client net.Conn) {
		if _, err := client.Read(make([]byte, 4096)); err == nil {
			_, _ = io.WriteString(client, words)
		}
	})
}

func listen(t testing.TB, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				serve(conn)
			}()
		}
	}()
	return l.Addr().String()
}

// Refusing returns an address where nothing listens.
func Refusing(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Fate is what becomes of a request on its way through Cutting.
type Fate int

// The fates.
const (
	Pass      Fate = iota
	CutBefore      // the connection ends before the server gets it
	CutAfter       // the server does it, and the connection ends before its answer
)

// Cutting returns the address of a proxy before addr that decides, for what a client
// sends, whether it comes through.
func Cutting(t testing.TB, addr string, fate func(request []byte) Fate) string {
	t.Helper()
	return listen(t, func(client net.Conn) {
		server, err := net.Dial("tcp", addr)
		if err != nil {
			return
		}
		defer server.Close()
		answers := make(chan []byte)
		go func() {
			defer close(answers)
			for {
				part := make([]byte, 64<<10)
				n, err := server.Read(part)
				if err != nil {
					return
				}
				answers <- part[:n]
			}
		}()
		requests := make(chan []byte)
		go func() {
			defer close(requests)
			for {
				part := make([]byte, 64<<10)
				n, err := client.Read(part)
				if err != nil {
					return
				}
				requests <- part[:n]
			}
		}()
		for {
			select {
			case r, ok := <-requests:
				if !ok {
					return
				}
				f := fate(r)
				if f == CutBefore {
					return
				}
				if _, err := server.Write(r); err != nil {
					return
				}
				if f == CutAfter {
					<-answers
					return
				}
			case a, ok := <-answers:
				if !ok {
					return
				}
				if _, err := client.Write(a); err != nil {
					return
				}
			}
		}
	})
}
