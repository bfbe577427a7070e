package ingest_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/ingest"
	"payops-mcp/shared/fault"
)

// status is an answer of the service, as recorded.
const status = `{"kafka-publisher":{"failureRate":"-1.00%","numberOfSlowFailedCalls":0,"numberOfBufferedCalls":0,"numberOfSlowSuccessfulCalls":0,"slowCallRate":"-1.00%","numberOfSlowCalls":0,"numberOfSuccessfulCalls":0,"numberOfFailedCalls":0,"state":"CLOSED","numberOfNotPermittedCalls":0}}`

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// only answers at one path and is the real service's 404 elsewhere.
func only(path, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path != path {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprintf(w, `{"timestamp":"2026-11-20T05:00:00.000+00:00","status":404,"error":"Not Found","path":%q}`, r.URL.Path)
			return
		}
		_, _ = io.WriteString(w, body)
	}
}

func always(code int, kind, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = []string{kind}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

func options(t *testing.T, bases ...string) ingest.Options {
	t.Helper()
	var o ingest.Options
	for _, b := range bases {
		u, err := url.Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		o.BaseURLs = append(o.BaseURLs, u)
	}
	return o
}

func ask(t *testing.T, base string) ingest.Instance {
	t.Helper()
	return ingest.New(options(t, base)).Breakers(t.Context())[0]
}

func TestWhereTheStatusIs(t *testing.T) {
	flat := strings.TrimSuffix(strings.TrimPrefix(status, `{"kafka-publisher":`), "}}") + `,"healthStatus":"HEALTHY"}`
	for name, x := range map[string]struct {
		path, body          string
		missing             int
		gateway, monitoring bool
	}{
		"the service itself":     {"/circuit-breaker/status", status, 0, false, false},
		"behind the gateway":     {"/api/circuit-breaker/status", status, 1, true, false},
		"the monitoring service": {"/monitoring/circuit-breaker/status", flat, 2, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			in := ask(t, serve(t, only(x.path, x.body))+"/")
			if !in.Source.OK() || len(in.Breakers) != 1 || in.Breakers[0].Name != "kafka-publisher" || in.Breakers[0].State != "CLOSED" {
				t.Fatalf("%+v", in)
			}
			if in.Path != x.path || len(in.Missing) != x.missing || in.Gateway() != x.gateway || in.Monitoring() != x.monitoring {
				t.Errorf("found at %s after %v", in.Path, in.Missing)
			}
			if time.Since(in.Date).Abs() > time.Minute {
				t.Errorf("its clock says %s", in.Date)
			}
		})
	}
}

func TestFailures(t *testing.T) {
	const html = "text/html"
	const nginx = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx/1.25.3</center>\r\n</body>\r\n</html>\r\n"
	for name, x := range map[string]struct {
		answer http.HandlerFunc
		class  fault.Class
		said   string
	}{
		"502 of a proxy":      {always(502, html, nginx), fault.BadGateway, "502, text/html: <html> <head><title>502 Bad Gateway</title></head> <body> <center><h1>502 Bad Gateway</h1></center> <hr><center>nginx/1"},
		"503 of the gateway":  {always(503, "application/json", `{"status":503}`), fault.BadGateway, `503, application/json: {"status":503}`},
		"504 without a word":  {always(504, "", ""), fault.BadGateway, "504, no content type, empty body"},
		"a login page":        {always(200, html+"; charset=utf-8", "<html><form>"), fault.NotJSON, "200, text/html: <html><form>"},
		"HTML called JSON":    {always(200, "application/json", "<html>"), fault.NotJSON, "200, application/json: <html>"},
		"garbage":             {always(200, "application/octet-stream", "\x00\xff\x1b[2J"), fault.NotJSON, `200, application/octet-stream: \u0000`},
		"nothing":             {always(200, "application/json", ""), fault.NotJSON, "200, application/json, empty body"},
		"another shape":       {always(200, "application/json", `{"kafka-publisher":"Not Found"}`), fault.Schema, `field kafka-publisher is string "Not Found"`},
		"never ends":          {endless, fault.Schema, "longer than 65536 bytes"},
		"401":                 {always(401, "application/json", `{"error":"unauthorized"}`), fault.Auth, "401, application/json"},
		"403":                 {always(403, html, "no"), fault.Permission, "403, text/html: no"},
		"500":                 {always(500, "application/json", `{"status":500}`), fault.BadStatus, "500, application/json"},
		"404 everywhere":      {only("/nowhere", ""), fault.MissingPath, "404, application/json"},
		"reset":               {reset, fault.Disconnected, "reset"},
		"hangs up":            {hangUp, fault.Disconnected, "EOF"},
		"stops in the middle": {truncated, fault.Disconnected, "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			in := ask(t, serve(t, x.answer))
			if in.Source.OK() {
				t.Fatalf("it was taken: %+v", in)
			}
			if said := in.Source.Err.Said.String(); in.Source.Err.Class != x.class || !strings.Contains(said, x.said) {
				t.Errorf("got %s: %q, want %s: %q", in.Source.Err.Class, said, x.class, x.said)
			}
			if in.Source.Err.Next == "" && x.class != fault.BadStatus {
				t.Error("nothing is said of what to do")
			}
			if len(in.Breakers) != 0 || in.Path != "" {
				t.Errorf("there are facts beside the failure: %+v", in)
			}
		})
	}
}

func endless(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, `{"kafka-publisher":{"state":"`)
	for range 1 << 10 {
		if _, err := io.WriteString(w, strings.Repeat("x", 1<<10)); err != nil {
			return
		}
	}
}

func hangUp(w http.ResponseWriter, _ *http.Request) { closeConnection(w, false) }
func reset(w http.ResponseWriter, _ *http.Request)  { closeConnection(w, true) }

func closeConnection(w http.ResponseWriter, hard bool) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	if tcp, ok := conn.(*net.TCPConn); ok && hard {
		_ = tcp.SetLinger(0)
	}
	conn.Close()
}

func truncated(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", fmt.Sprint(len(status)))
	_, _ = io.WriteString(w, status[:len(status)/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

func TestMissingPathNamesEveryURL(t *testing.T) {
	base := serve(t, only("/nowhere", ""))
	in := ask(t, base)
	for _, path := range []string{"/circuit-breaker/status", "/api/circuit-breaker/status", "/monitoring/circuit-breaker/status"} {
		if !strings.Contains(in.Source.Asked, base+path) {
			t.Errorf("%q does not name %s", in.Source.Asked, path)
		}
	}
}

func TestUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	for base, said := range map[string]string{"http://" + l.Addr().String(): "connection refused", "http://no-such-host.invalid": "no-such-host.invalid"} {
		in := ask(t, base)
		if in.Source.OK() || in.Source.Err.Class != fault.Unreachable || !strings.Contains(in.Source.Err.Said.String(), said) {
			t.Errorf("%s: %v", base, in.Source.Err)
		}
	}
}

func TestInstancesAreAskedSideBySide(t *testing.T) {
	done := make(chan struct{})
	hanging := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-done:
		case <-r.Context().Done():
		}
	})
	t.Cleanup(func() { close(done) })
	good := serve(t, only("/circuit-breaker/status", status))
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	all := ingest.New(options(t, hanging, good, hanging+"/other")).Breakers(ctx)
	if took := time.Since(start); took > 4*time.Second {
		t.Errorf("it took %s, the deadline was 0.3 s", took)
	}
	if len(all) != 3 || all[0].Source.OK() || all[0].Source.Err.Class != fault.Timeout || !all[1].Source.OK() || all[2].Source.OK() {
		t.Errorf("%+v", all)
	}
	if all[1].Source.Took > 250*time.Millisecond {
		t.Errorf("the good one took %s", all[1].Source.Took)
	}
}

func TestOnlySome(t *testing.T) {
	a, b := serve(t, only("/circuit-breaker/status", status)), serve(t, func(http.ResponseWriter, *http.Request) { t.Error("it was asked") })
	c := ingest.New(options(t, a, b))
	names := c.Instances()
	if want := []string{strings.TrimPrefix(a, "http://"), strings.TrimPrefix(b, "http://")}; !slices.Equal(names, want) {
		t.Fatalf("named %v, want %v", names, want)
	}
	if all := c.Breakers(t.Context(), names[0]); len(all) != 1 || all[0].Name != names[0] {
		t.Errorf("%+v", all)
	}
}

func TestCredentials(t *testing.T) {
	for name, x := range map[string]struct{ user, token, want string }{
		"bearer":           {"", "t0ken", "Bearer t0ken"},
		"of the URL":       {"u:p@", "", "Basic dTpw"},
		"bearer before it": {"u:p@", "t0ken", "Bearer t0ken"},
		"none":             {"", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var got atomic.Value
			base := serve(t, func(w http.ResponseWriter, r *http.Request) {
				got.Store(r.Header.Get("Authorization"))
				w.WriteHeader(http.StatusUnauthorized)
			})
			o := options(t, strings.Replace(base, "://", "://"+x.user, 1))
			o.Token = x.token
			in := ingest.New(o).Breakers(t.Context())[0]
			if got.Load() != x.want {
				t.Errorf("sent %q, want %q", got.Load(), x.want)
			}
			if text := fmt.Sprintf("%+v %+v", in, in.Source.Err); strings.Contains(text, "u:p") || strings.Contains(text, "t0ken") {
				t.Errorf("a credential is told: %s", text)
			}
		})
	}
}

// What echoes the header that it was sent must not bring it into the answer, not
// even in part.
func TestEchoedCredentialsAreHidden(t *testing.T) {
	const long = "a-long-token-0123456789"
	for name, x := range map[string]struct {
		user, token string
		code        int
		body        func(header string) string
	}{
		"an error page":             {"", long, 401, func(h string) string { return "who is " + h + "?" }},
		"at the end of what is cut": {"", long, 500, func(h string) string { return strings.Repeat("x", 95) + h }},
		"in a field":                {"", long, 200, func(h string) string { return fmt.Sprintf(`{"echo":%q}`, h) }},
		"in a long field":           {"", long, 200, func(h string) string { return fmt.Sprintf(`{"echo":%q}`, strings.Repeat("x", 45)+h) }},
		"in no JSON":                {"", long, 200, func(h string) string { return "<p>" + h }},
		"basic":                     {"u:" + long + "@", "", 401, func(h string) string { return h }},
		"the password":              {"u:" + long + "@", "", 401, func(string) string { return "wrong password " + long }},
	} {
		t.Run(name, func(t *testing.T) {
			base := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(x.code)
				_, _ = io.WriteString(w, x.body(r.Header.Get("Authorization")))
			})
			o := options(t, strings.Replace(base, "://", "://"+x.user, 1))
			o.Token = x.token
			in := ingest.New(o).Breakers(t.Context())[0]
			text := fmt.Sprintf("%+v %+v", in, in.Source.Err)
			if strings.Contains(text, long[:6]) || strings.Contains(text, "dTphLWxv") {
				t.Errorf("a credential is told: %s", text)
			}
			if !strings.Contains(text, "(hidden)") && !strings.Contains(text, "…") {
				t.Errorf("nothing of the body is left: %s", text)
			}
		})
	}
}

// A proxy must not answer from before a breaker opened.
func TestNoAnswerOutOfACache(t *testing.T) {
	var asked atomic.Value
	ask(t, serve(t, func(_ http.ResponseWriter, r *http.Request) { asked.Store(r.Header.Get("Cache-Control")) }))
	if asked.Load() != "no-cache" {
		t.Errorf("asked with Cache-Control %q", asked.Load())
	}
}

func TestRedirectsTellNoQuery(t *testing.T) {
	base := serve(t, http.RedirectHandler("https://me:secret@login.example/x?ticket=secret#secret", http.StatusFound).ServeHTTP)
	if got := ask(t, base).Source.Err.Said.String(); got != "302 to https://login.example/x" {
		t.Errorf("%q", got)
	}
}

// A token must not follow a redirect to wherever.
func TestRedirectsAreNotFollowed(t *testing.T) {
	var reached atomic.Bool
	other := serve(t, func(http.ResponseWriter, *http.Request) { reached.Store(true) })
	base := serve(t, http.RedirectHandler(other+"/login", http.StatusFound).ServeHTTP)
	in := ask(t, base)
	if reached.Load() {
		t.Error("the other address was asked")
	}
	if in.Source.OK() || in.Source.Err.Class != fault.BadStatus || !strings.Contains(in.Source.Err.Said.String(), "302 to "+other+"/login") {
		t.Errorf("%v", in.Source.Err)
	}
}

func TestTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(only("/circuit-breaker/status", status))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // the refused handshake is on purpose
	s.StartTLS()
	t.Cleanup(s.Close)
	if in := ask(t, s.URL); in.Source.OK() || in.Source.Err.Class != fault.Unexpected || !strings.Contains(in.Source.Err.Next, "API_CA_FILE") {
		t.Errorf("an unknown authority: %+v", in.Source)
	}
	o := options(t, s.URL)
	o.RootCAs = x509.NewCertPool()
	o.RootCAs.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
	if in := ingest.New(o).Breakers(t.Context())[0]; !in.Source.OK() {
		t.Errorf("a known authority: %+v", in.Source.Err)
	}
}

func TestConnectionsAreKept(t *testing.T) {
	var opened atomic.Int32
	s := httptest.NewUnstartedServer(only("/circuit-breaker/status", status))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	c := ingest.New(options(t, s.URL))
	for range 10 {
		if in := c.Breakers(t.Context())[0]; !in.Source.OK() {
			t.Fatal(in.Source.Err)
		}
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("10 questions opened %d connections", n)
	}
}

func TestChecks(t *testing.T) {
	c := ingest.New(options(t, serve(t, only("/circuit-breaker/status", status)), serve(t, always(502, "text/html", "no"))))
	checks := c.Checks()
	if len(checks) != 2 {
		t.Fatalf("%d checks", len(checks))
	}
	if s := checks[0](t.Context()); !s.OK() {
		t.Errorf("%+v", s)
	}
	if s := checks[1](t.Context()); s.OK() || s.Err.Class != fault.BadGateway {
		t.Errorf("%+v", s)
	}
}

// The real stack, where there is one.
func TestRealInstances(t *testing.T) {
	list := os.Getenv("API_BASE_URL")
	switch {
	case list == "" && os.Getenv("CI") == "true":
		t.Fatal("API_BASE_URL is not set, and in CI nothing is skipped")
	case list == "":
		t.Skip("API_BASE_URL is not set: no ingest service to ask")
	}
	for _, in := range ingest.New(options(t, strings.Split(list, ",")...)).Breakers(t.Context()) {
		if !in.Source.OK() || len(in.Breakers) == 0 {
			t.Errorf("%s: %v", in.Name, in.Source.Err)
		}
	}
}

func BenchmarkBreakers(b *testing.B) {
	s := httptest.NewServer(only("/circuit-breaker/status", status))
	defer s.Close()
	u, err := url.Parse(s.URL)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("bare GET", func(b *testing.B) {
		for b.Loop() {
			resp, err := http.Get(s.URL + "/circuit-breaker/status")
			if err != nil {
				b.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
	})
	b.Run("asked", func(b *testing.B) {
		c := ingest.New(ingest.Options{BaseURLs: []*url.URL{u}})
		for b.Loop() {
			if in := c.Breakers(b.Context()); !in[0].Source.OK() {
				b.Fatal(in[0].Source.Err)
			}
		}
	})
}
