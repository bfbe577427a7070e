package redisdb_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"payops-mcp/rediscache-mcp/internal/redisdb"
	"payops-mcp/rediscache-mcp/internal/redistest"
	"payops-mcp/shared/fault"
)

func TestUnixSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	if len(socket) > 100 {
		t.Skipf("a socket's path has little room, and %s is too long", socket)
	}
	s := redistest.Start(t, payro, "unixsocket "+socket)
	s.Must("SET", "a", "5", "EX", "60")
	if r := ask(t, open(t, "unix://payro:ropass@"+socket), "a"); !r.Servers[0].Source.OK() || r.Counters[0].Last().Value != "5" {
		t.Errorf("%+v", r)
	}
	s.Stop()
	if r := ask(t, open(t, "unix://"+socket+"x"), "a"); r.Servers[0].Source.Err == nil || r.Servers[0].Source.Err.Class != fault.Unreachable {
		t.Errorf("no socket: %+v", r.Servers[0].Source)
	}
}

// certificate writes one for 127.0.0.1, signed by itself.
func certificate(t *testing.T, dir string) (certFile, keyFile string, certPEM []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, data := range map[string][]byte{certFile: certPEM, keyFile: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})} {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile, certPEM
}

func TestTLS(t *testing.T) {
	port := redistest.Refusing(t)
	_, number, _ := strings.Cut(port, ":")
	cert, key, authority := certificate(t, t.TempDir())
	s := redistest.Start(t, payro, "tls-port "+number, "tls-auth-clients no", "tls-cert-file "+cert, "tls-key-file "+key)
	s.Must("SET", "a", "5", "EX", "60")

	trusting, err := redisdb.Parse("rediss://payro:ropass@"+port, authority)
	if err != nil {
		t.Fatal(err)
	}
	db := redisdb.Open(trusting)
	t.Cleanup(func() { _ = db.Close() })
	for range 2 { // the second on a connection that was kept
		if r := ask(t, db, "a"); !r.Servers[0].Source.OK() || r.Counters[0].Last().Value != "5" {
			t.Fatalf("%+v", r)
		}
	}
	var wg sync.WaitGroup
	for range 8 { // so that several connections are kept, and all of them are dead
		wg.Go(func() { ask(t, db, "a") })
	}
	wg.Wait()
	s.Stop()
	s.Run(payro, "tls-port "+number, "tls-auth-clients no", "tls-cert-file "+cert, "tls-key-file "+key)
	if r := ask(t, db, "a"); !r.Servers[0].Source.OK() {
		t.Errorf("after a restart: %v", r.Servers[0].Source.Err)
	}
	r := ask(t, open(t, "rediss://payro:ropass@"+port), "a")
	if err := r.Servers[0].Source.Err; err == nil || err.Class != fault.Auth || !strings.Contains(err.Next, "REDIS_CA_FILE") {
		t.Errorf("an authority that is not trusted: %v", err)
	}
	r = ask(t, open(t, "redis://payro:ropass@"+port), "a")
	if err := r.Servers[0].Source.Err; err == nil || err.Class != fault.Disconnected || !strings.Contains(err.Next, "rediss://") {
		t.Errorf("plain words to a TLS port: %v", err)
	}
}

// A Redis that asks its clients for a certificate.
func TestClientCertificate(t *testing.T) {
	port := redistest.Refusing(t)
	_, number, _ := strings.Cut(port, ":")
	certFile, keyFile, authority := certificate(t, t.TempDir())
	key, err := os.ReadFile(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	s := redistest.Start(t, payro, "tls-port "+number, "tls-auth-clients yes", "tls-ca-cert-file "+certFile, "tls-cert-file "+certFile, "tls-key-file "+keyFile)
	s.Must("SET", "a", "5", "EX", "60")
	target, err := redisdb.Parse("rediss://payro:ropass@"+port, authority)
	if err != nil {
		t.Fatal(err)
	}
	bare := redisdb.Open(target)
	t.Cleanup(func() { _ = bare.Close() })
	if err := ask(t, bare, "a").Servers[0].Source.Err; err == nil || err.Class != fault.Auth || !strings.Contains(err.Next, "REDIS_CERT_FILE") {
		t.Errorf("without one: %v", err)
	}
	if target, err = target.WithCertificate(authority, key); err != nil {
		t.Fatal(err)
	}
	db := redisdb.Open(target)
	t.Cleanup(func() { _ = db.Close() })
	if r := ask(t, db, "a"); !r.Servers[0].Source.OK() || r.Counters[0].Last().Value != "5" {
		t.Errorf("%+v", r)
	}
	_, otherKey, other := certificate(t, t.TempDir())
	if key, err = os.ReadFile(otherKey); err != nil {
		t.Fatal(err)
	}
	if target, err = target.WithCertificate(other, key); err != nil {
		t.Fatal(err)
	}
	stranger := redisdb.Open(target)
	t.Cleanup(func() { _ = stranger.Close() })
	if err := ask(t, stranger, "a").Servers[0].Source.Err; err == nil || err.Class != fault.Auth {
		t.Errorf("one of another authority: %v", err)
	}
}

func TestCluster(t *testing.T) {
	node := func() (s *redistest.Server, bus string) {
		_, bus, _ = strings.Cut(redistest.Refusing(t), ":") // 10000 above the port may be out of range
		s = redistest.Start(t, "user payro on >ropass ~* -@all +@read +info +cluster|slots", "user poor on >x ~* -@all +@read +info",
			"cluster-enabled yes", "cluster-node-timeout 1000", "cluster-port "+bus)
		return s, bus
	}
	a, _ := node()
	b, bus := node()
	a.Must("CLUSTER", "ADDSLOTSRANGE", 0, 8191)
	b.Must("CLUSTER", "ADDSLOTSRANGE", 8192, 16383)
	host, port, _ := net.SplitHostPort(b.Addr)
	a.Must("CLUSTER", "MEET", host, port, bus)
	for _, s := range []*redistest.Server{a, b} {
		s.Await("the cluster to form", func() bool { return strings.Contains(s.Do("CLUSTER", "INFO"), "cluster_state:ok") })
	}
	// Slots 6175 and 10390: one on each node.
	a.Must("SET", "rate:capture:MERCHANT-8", "310", "EX", "60")
	b.Must("SET", "rate:authorize:MERCHANT-8", "24731", "EX", "60")
	keys := []string{"rate:authorize:MERCHANT-8", "rate:capture:MERCHANT-8"}

	db := open(t, "redis://payro:ropass@"+a.Addr+","+b.Addr)
	r := ask(t, db, keys...)
	if len(r.Servers) != 2 || r.Counters[0].Last().Value != "24731" || r.Counters[1].Last().Value != "310" || r.Servers[0].Info == nil || r.Servers[1].Info == nil {
		t.Fatalf("%+v", r)
	}
	if name := r.Servers[r.Counters[0].Server].Source.Name; name != "redis "+b.Addr {
		t.Errorf("%s is held by %s", keys[0], name)
	}
	if there, failure := db.Exist(t.Context(), []string{"rate:authorize:MERCHANT-8", "rate:refund:MERCHANT-8"}); !there[0] || there[1] || failure != nil {
		t.Errorf("Exist says %v, %v", there, failure)
	}

	found := map[string]redisdb.Found{}
	scan := db.Scan(t.Context(), redisdb.ScanSpec{Match: "rate:*", Values: true, Budget: 5 * time.Second}, func(f redisdb.Found) { found[f.Key] = f })
	if len(scan.Parts) != 2 || !scan.Done() || scan.Share() != 1 || found[keys[0]].Sight.Value != "24731" || found[keys[1]].Sight.Value != "310" || found[keys[0]].Server == found[keys[1]].Server {
		t.Errorf("a scan of both masters: %+v, %+v", scan, found)
	}

	r = ask(t, open(t, "redis://payro:ropass@"+a.Addr), keys...)
	if err := r.Counters[0].Err; err == nil || err.Class != fault.WrongServer || !strings.Contains(err.Next, "REDIS_URL") {
		t.Errorf("one node asked as if it were all: %+v", r.Counters[0])
	}
	if r.Counters[1].Last().Value != "310" {
		t.Errorf("what that node has is not answered: %+v", r.Counters[1])
	}
	r = ask(t, open(t, "redis://poor:x@"+a.Addr+","+b.Addr), keys...)
	if err := r.Servers[0].Source.Err; err == nil || err.Class != fault.Permission || !strings.Contains(err.Said.String(), "cluster|slots") {
		t.Errorf("without the right to CLUSTER SLOTS: %v", err)
	}

	b.Stop()
	r = ask(t, db, keys...)
	if r.Counters[0].Err == nil || r.Counters[0].Err.Class != fault.Unreachable {
		t.Errorf("a node is down: %+v", r.Counters[0])
	}
	if scan := db.Scan(t.Context(), redisdb.ScanSpec{Match: "rate:*", Budget: time.Second}, func(redisdb.Found) {}); scan.Done() {
		t.Errorf("a node is down, and the scan is whole: %+v", scan)
	}
	if r.Counters[1].Err == nil && r.Counters[1].Last().Value != "310" {
		t.Errorf("the other node: %+v", r.Counters[1])
	}
}
