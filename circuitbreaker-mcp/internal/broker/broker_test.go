package broker

import (
	"context"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"payops-mcp/shared/fault"
)

func check(t *testing.T, o Options) fault.Source {
	t.Helper()
	checks := New(o).Checks()
	if len(checks) != len(o.Bootstrap) {
		t.Fatalf("%d checks for %v", len(checks), o.Bootstrap)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	return checks[0](ctx)
}

func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serve(conn)
		}
	}()
	return l.Addr().String()
}

func TestNoBrokerThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refusing := l.Addr().String()
	l.Close()
	for name, x := range map[string]struct {
		addr  string
		class fault.Class
	}{
		"refused":      {refusing, fault.Unreachable},
		"unknown name": {"no-such-host.invalid:9092", fault.Unreachable},
		"black hole":   {listen(t, func(c net.Conn) { t.Cleanup(func() { c.Close() }) }), fault.Timeout},
		"hangs up":     {listen(t, func(c net.Conn) { c.Close() }), fault.Disconnected},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			s := check(t, Options{Bootstrap: []string{x.addr}})
			if s.OK() || s.Err.Class != x.class || s.Err.Next == "" {
				t.Errorf("got %v, want %s", s.Err, x.class)
			}
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("it took %s, the deadline was 0.5 s", took)
			}
			if s.Name != "kafka "+x.addr || !strings.Contains(s.Asked, x.addr) {
				t.Errorf("%+v", s)
			}
		})
	}
}

// A broker that died must not be told of as alive: the library remembers
// metadata, and this is not asked for.
func TestRealBroker(t *testing.T) {
	list := os.Getenv("KAFKA_BOOTSTRAP_SERVERS")
	switch {
	case list == "" && os.Getenv("CI") == "true":
		t.Fatal("KAFKA_BOOTSTRAP_SERVERS is not set, and in CI nothing is skipped")
	case list == "":
		t.Skip("KAFKA_BOOTSTRAP_SERVERS is not set: no broker to ask")
	}
	servers := strings.Split(list, ",")
	for _, ask := range New(Options{Bootstrap: servers}).Checks() {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		if s := ask(ctx); !s.OK() || s.Took <= 0 {
			t.Errorf("%s: %v", s.Name, s.Err)
		}
		cancel()
	}
	for name, o := range map[string]Options{
		"TLS to a plain listener":  {Bootstrap: servers, TLS: true},
		"SASL to a plain listener": {Bootstrap: servers, Mechanism: "PLAIN", Username: "u", Password: "hunter2"},
	} {
		s := check(t, o)
		if s.OK() {
			t.Errorf("%s was taken", name)
			continue
		}
		if strings.Contains(s.Err.Error(), "hunter2") {
			t.Errorf("%s: the password is told: %v", name, s.Err)
		}
		t.Logf("%s: %v; %s", name, s.Err, s.Err.Next)
	}
}

func TestMechanisms(t *testing.T) {
	for name, known := range map[string]bool{"": true, "PLAIN": true, "SCRAM-SHA-256": true, "SCRAM-SHA-512": true, "GSSAPI": false} {
		if _, err := New(Options{Mechanism: name, Username: "u", Password: "p"}).mechanism(); (err == nil) != known {
			t.Errorf("%q: %v", name, err)
		}
	}
}
