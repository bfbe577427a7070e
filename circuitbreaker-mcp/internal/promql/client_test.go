package promql_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/circuitbreaker-mcp/internal/promtest"
	"payops-mcp/shared/fault"
)

func client(t *testing.T, base string, o promql.Options) *promql.Client {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	o.URL = u
	return promql.New(o)
}

// answering is something in Prometheus' place that always says the same.
func answering(t *testing.T, status int, kind, body string) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestFailures(t *testing.T) {
	t.Parallel()
	const html = "text/html; charset=utf-8"
	for name, x := range map[string]struct {
		status     int
		kind, body string
		class      fault.Class
		said       string
	}{
		"503 in words":           {503, "text/plain; charset=utf-8", "Service Unavailable", fault.BadGateway, "503, text/plain: Service Unavailable"},
		"its own timeout":        {503, "application/json", `{"status":"error","errorType":"timeout","error":"query timed out in expression evaluation"}`, fault.BadStatus, "503, errorType timeout: query timed out"},
		"its own refusal":        {422, "application/json", `{"status":"error","errorType":"execution","error":"too many samples"}`, fault.BadStatus, "422, errorType execution: too many samples"},
		"status error with 200":  {200, "application/json", `{"status":"error","errorType":"internal","error":"boom"}`, fault.BadStatus, "errorType internal: boom"},
		"a login page":           {200, html, "<html><form>log in</form></html>", fault.NotJSON, "200, text/html: <html><form>"},
		"garbage":                {200, "application/json", `{"status":"succ`, fault.NotJSON, "200, application/json: {\"status\""},
		"nothing":                {200, "application/json", "", fault.NotJSON, "200, application/json, empty body"},
		"another type of result": {200, "application/json", `{"status":"success","data":{"resultType":"matrix","result":[]}}`, fault.Schema, `a "matrix", want a vector`},
		"another shape":          {200, "application/json", `{"status":"success","data":{"resultType":"vector","result":[{"value":[1,2]}]}}`, fault.NotJSON, "200, application/json"},
		"no sample at all":       {200, "application/json", `{"status":"success","data":{"resultType":"vector","result":[{"metric":{}}]}}`, fault.NotJSON, "200, application/json"},
		"not even a status":      {200, "application/json", `{}`, fault.BadStatus, "errorType : "},
		"unknown user":           {401, html, "<html>who are you</html>", fault.Auth, "401, text/html"},
		"forbidden":              {403, "application/json", `{"message":"no"}`, fault.Permission, "403, application/json"},
		"wrong path":             {404, html, "404 page not found", fault.MissingPath, "404, text/html"},
		"error page":             {500, html, "<html>oops</html>", fault.BadStatus, "500, text/html"},
	} {
		t.Run(name, func(t *testing.T) {
			f := client(t, answering(t, x.status, x.kind, x.body), promql.Options{}).Breakers(t.Context())
			if f.Source.OK() || f.Source.Err.Class != x.class || !strings.Contains(f.Source.Err.Said.String(), x.said) {
				t.Errorf("got %v, want %s: %s", f.Source.Err, x.class, x.said)
			}
			if has := strings.Contains(f.Source.Asked, "/api/v1/query query="); has != (x.class == fault.BadStatus) || !strings.Contains(f.Source.Asked, "/api/v1/query") {
				t.Errorf("asked %q does not say how to ask again", f.Source.Asked)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	f := client(t, "http://"+l.Addr().String(), promql.Options{}).Breakers(t.Context())
	if f.Source.OK() || f.Source.Err.Class != fault.Unreachable || !strings.Contains(f.Source.Err.Said.String(), "connection refused") {
		t.Errorf("%v", f.Source.Err)
	}
}

func TestHangingServer(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-done:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(done) })
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	f := client(t, s.URL, promql.Options{}).Breakers(ctx)
	if f.Source.OK() || f.Source.Err.Class != fault.Timeout {
		t.Errorf("%v", f.Source.Err)
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("it took %s", took)
	}
}

// The second question must not be lost with the first: what one query gave is
// told, and that another failed as well.
func TestOneQueryFails(t *testing.T) {
	t.Parallel()
	var past promtest.Past
	p := promtest.Start(t, past.Scrapes("a", time.Now().Add(-time.Minute), time.Now(), promtest.Healthy()))
	server, err := url.Parse(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := forward(t, server, func(expr string) (int, string) {
		if strings.Contains(expr, "changes(") {
			return 503, `{"status":"error","errorType":"timeout","error":"too slow"}`
		}
		return 0, ""
	})
	f := client(t, proxy, promql.Options{}).Breakers(t.Context())
	if f.Source.OK() || !strings.Contains(f.Source.Asked, "changes(") {
		t.Errorf("asked %q: %v", f.Source.Asked, f.Source.Err)
	}
	if b := breaker(t, f, "a", "kafka-publisher"); b.State != "CLOSED" || f.At.Sub(b.At).Abs() > time.Minute {
		t.Errorf("%+v", b)
	}
}

// forward stands between us and a real server, and answers some queries itself.
func forward(t *testing.T, to *url.URL, judge func(expr string) (status int, body string)) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/json")
		if status, body := judge(r.Form.Get("query")); status != 0 {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
			return
		}
		resp, err := http.PostForm(to.String()+r.URL.Path, r.Form)
		if r.Method == http.MethodGet {
			resp, err = http.Get(to.String() + r.URL.Path + "?" + r.Form.Encode())
		}
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// Other stores of Prometheus' data list no targets, and some proxies let only GET
// through: both must do.
func TestStoresThatAreNotQuitePrometheus(t *testing.T) {
	t.Parallel()
	var past promtest.Past
	p := promtest.Start(t, past.Scrapes("a", time.Now().Add(-time.Minute), time.Now(), promtest.Healthy()))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || strings.HasSuffix(r.URL.Path, "/targets") {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		resp, err := http.Get(p.URL + strings.TrimPrefix(r.URL.Path, "/prom") + "?" + r.URL.RawQuery)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.Copy(w, resp.Body)
	}))
	t.Cleanup(s.Close)
	f := client(t, s.URL+"/prom/", promql.Options{}).Breakers(t.Context())
	if !f.Source.OK() || f.Targets || len(f.Instances) != 1 || f.Instances[0].Address != "" || f.Instances[0].Interval != promtest.Every {
		t.Errorf("%+v", f)
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		user    string
		options promql.Options
		want    string
	}{
		"bearer":           {"", promql.Options{BearerToken: "t0ken"}, "Bearer t0ken"},
		"basic":            {"", promql.Options{Username: "u", Password: "p"}, "Basic dTpw"},
		"of the URL":       {"u:p@", promql.Options{}, "Basic dTpw"},
		"bearer before it": {"u:p@", promql.Options{BearerToken: "t0ken"}, "Bearer t0ken"},
	} {
		t.Run(name, func(t *testing.T) {
			var wrong atomic.Value
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if got := r.Header.Get("Authorization") + r.Header.Get("X-Scope-OrgID"); got != x.want+"team" {
					wrong.Store(got)
				}
				w.WriteHeader(http.StatusTeapot)
			}))
			t.Cleanup(s.Close)
			x.options.OrgID = "team"
			f := client(t, strings.Replace(s.URL, "://", "://"+x.user, 1), x.options).Breakers(t.Context())
			if got := wrong.Load(); got != nil {
				t.Errorf("sent %q, want %q", got, x.want)
			}
			if text := fmt.Sprintf("%+v", f.Source); strings.Contains(text, "u:p@") || strings.Contains(text, "t0ken") {
				t.Errorf("a credential is told: %s", text)
			}
		})
	}
}

func TestEchoedCredentialsAreHidden(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"status":"error","errorType":"bad_data","error":"sent %s"}`, r.Header.Get("Authorization"))
	}))
	t.Cleanup(s.Close)
	for name, o := range map[string]promql.Options{"bearer": {BearerToken: "t0ken"}, "basic": {Username: "u", Password: "t0ken"}} {
		f := client(t, s.URL, o).Breakers(t.Context())
		if text := fmt.Sprintf("%+v %+v", f.Source, f.Source.Err); strings.Contains(text, "t0ken") || strings.Contains(text, "dTp0") || !strings.Contains(text, "(hidden)") {
			t.Errorf("%s: a credential is told, or nothing is: %s", name, text)
		}
	}
}

func TestRedirectsTellNoQuery(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.RedirectHandler("https://me:secret@login.example/x?ticket=secret", http.StatusFound))
	t.Cleanup(s.Close)
	if got := client(t, s.URL, promql.Options{}).Breakers(t.Context()).Source.Err.Said.String(); got != "302 to https://login.example/x" {
		t.Errorf("%q", got)
	}
}

// Thanos and remote reads answer with what they have and a warning that a store
// did not answer; remarks on the query itself are no such warning.
func TestPartialAnswers(t *testing.T) {
	t.Parallel()
	for warning, partial := range map[string]bool{
		"fetch series: rpc error: code = Unavailable desc = store 10.0.0.7:10901":                            true,
		"PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"x\"": false,
	} {
		body := fmt.Sprintf(`{"status":"success","warnings":[%q],"data":{"resultType":"vector","result":[]}}`, warning)
		f := client(t, answering(t, 200, "application/json", body), promql.Options{}).Breakers(t.Context())
		if f.Source.OK() == partial {
			t.Errorf("%s: %v", warning, f.Source.Err)
		}
		if partial && !strings.Contains(f.Source.Err.Said.String(), warning) {
			t.Errorf("said %q, want the warning", f.Source.Err.Said)
		}
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var reached atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Store(true) }))
	t.Cleanup(other.Close)
	s := httptest.NewServer(http.RedirectHandler(other.URL+"/login", http.StatusFound))
	t.Cleanup(s.Close)
	f := client(t, s.URL, promql.Options{BearerToken: "t0ken"}).Breakers(t.Context())
	if reached.Load() {
		t.Error("the other address was asked, with our token")
	}
	if f.Source.OK() || f.Source.Err.Class != fault.BadStatus || !strings.Contains(f.Source.Err.Said.String(), "302 to "+other.URL+"/login") {
		t.Errorf("%v", f.Source.Err)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	p := promtest.Start(t, nil)
	if s := client(t, p.URL, promql.Options{}).Check(t.Context()); !s.OK() || s.Took <= 0 {
		t.Errorf("%+v", s)
	}
	if s := client(t, answering(t, 401, "text/html", "no"), promql.Options{}).Check(t.Context()); s.OK() || s.Err.Class != fault.Auth {
		t.Errorf("%+v", s)
	}
}
