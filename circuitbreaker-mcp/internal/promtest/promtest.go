// Package promtest starts a real Prometheus for a test, privately, and gives it
// something to scrape whose values the test decides. It belongs to tests alone.
package promtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Interval is how often Prometheus scrapes.
const Interval = 200 * time.Millisecond

// Instance is one instance of the ingest service, as far as a scrape sees it.
type Instance struct {
	Label string // its instance label; empty for its address
	http  *httptest.Server

	mu      sync.Mutex
	metrics string
	broken  bool
}

// NewInstance starts an instance that exports metrics, in Prometheus' text form.
func NewInstance(t testing.TB, label string, metrics ...string) *Instance {
	i := &Instance{Label: label, metrics: strings.Join(metrics, "")}
	i.http = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		i.mu.Lock()
		defer i.mu.Unlock()
		if i.broken {
			http.Error(w, "broken", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		fmt.Fprint(w, i.metrics)
	}))
	t.Cleanup(i.http.Close)
	return i
}

// Addr is where the instance is scraped, host:port.
func (i *Instance) Addr() string { return i.http.Listener.Addr().String() }

// Set changes what the instance exports.
func (i *Instance) Set(metrics ...string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.metrics = strings.Join(metrics, "")
}

// Break makes scrapes of the instance fail, or work again.
func (i *Instance) Break(broken bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.broken = broken
}

// Prometheus is a running server.
type Prometheus struct {
	URL     string
	targets string
}

// Start starts a server that scrapes the instances under the job ingest-service.
// past is what it has scraped before; it may be nil. A server begins to scrape
// only after seconds: with a past alone it is there at once.
func Start(t testing.TB, past *Past, instances ...*Instance) *Prometheus {
	t.Helper()
	dir := t.TempDir()
	backfill(t, dir, past)
	p := &Prometheus{targets: filepath.Join(dir, "ingest.json")}
	p.Scrape(t, instances...)
	conf := filepath.Join(dir, "prometheus.yml")
	write(t, conf, fmt.Sprintf("global: {scrape_interval: %[1]s, scrape_timeout: %[1]s}\nscrape_configs:\n- job_name: ingest-service\n  file_sd_configs: [{files: [ingest.json]}]\n", Interval))
	addr := freeAddr(t)
	p.URL = "http://" + addr
	run(t, "prometheus", "--config.file="+conf, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+addr, "--log.level=error")
	Await(t, "prometheus to be ready", func() bool {
		resp, err := http.Get(p.URL + "/-/ready")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	for _, i := range instances {
		p.AwaitScrapes(t, i)
	}
	return p
}

// Scrape changes what the server scrapes.
func (p *Prometheus) Scrape(t testing.TB, instances ...*Instance) {
	t.Helper()
	type group struct {
		Targets []string          `json:"targets"`
		Labels  map[string]string `json:"labels"`
	}
	groups := []group{}
	for _, i := range instances {
		g := group{[]string{i.Addr()}, map[string]string{"application": "INGEST-SERVICE"}}
		if i.Label != "" {
			g.Labels["instance"] = i.Label
		}
		groups = append(groups, g)
	}
	text, err := json.Marshal(groups)
	if err != nil {
		t.Fatal(err)
	}
	// Renamed into place: the server may look at any moment.
	write(t, p.targets+".new", string(text))
	if err := os.Rename(p.targets+".new", p.targets); err != nil {
		t.Fatal(err)
	}
}

// AwaitScrapes waits until what the instance exports, or its failure, has been
// scraped since the call, and often enough for rates and the interval.
func (p *Prometheus) AwaitScrapes(t testing.TB, i *Instance) {
	t.Helper()
	label := i.Label
	if label == "" {
		label = i.Addr()
	}
	after := float64(time.Now().Add(2*Interval).UnixMilli()) / 1000
	p.Await(t, fmt.Sprintf("timestamp(up{instance=%[1]q}) > %[2]f and count_over_time(up{instance=%[1]q}[1m]) > 3", label, after), true)
}

// Await waits until a query gives something, or nothing.
func (p *Prometheus) Await(t testing.TB, expr string, something bool) {
	t.Helper()
	Await(t, expr, func() bool {
		resp, err := http.PostForm(p.URL+"/api/v1/query", map[string][]string{"query": {expr}})
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		var answer struct {
			Data struct{ Result []any }
		}
		return json.NewDecoder(resp.Body).Decode(&answer) == nil && resp.StatusCode == http.StatusOK && len(answer.Data.Result) > 0 == something
	})
}

// Await waits until a condition holds.
func Await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for tick := time.NewTicker(20 * time.Millisecond); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited 30 s for %s", what)
		}
	}
}

// backfill puts the past into the server's storage.
func backfill(t testing.TB, dir string, past *Past) {
	t.Helper()
	if past == nil {
		return
	}
	file := filepath.Join(dir, "past.om")
	write(t, file, past.String())
	var said bytes.Buffer
	cmd := exec.Command(binary(t, "promtool"), "tsdb", "create-blocks-from", "openmetrics", file, filepath.Join(dir, "data"))
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("promtool: %v\n%s", err, said.String())
	}
}

// run starts a program that ends with the test.
func run(t testing.TB, name string, args ...string) {
	t.Helper()
	var said bytes.Buffer
	cmd := exec.Command(binary(t, name), args...)
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = dieWithUs()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s said: %s", name, said.String())
		}
	})
}

// binary finds a program. Without it a test is skipped, which CI does not allow.
func binary(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
		return path
	case os.Getenv("CI") == "true":
		t.Fatalf("%s is not installed, and in CI nothing is skipped", name)
	}
	t.Skipf("%s is not installed", name)
	return ""
}

func freeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
