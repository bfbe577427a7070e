package fleet_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"payops-mcp/sandbox/paysim/fleet"
	"payops-mcp/sandbox/stack/proc"
)

// Nothing that the processes need is there: they start all the same, say that
// they are not well, and come back on their ports after they were killed.
func TestFleet(t *testing.T) {
	sup, err := proc.New(t.TempDir())
	if errors.Is(err, proc.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sup.Close(); err != nil {
			t.Error(err)
		}
	})
	f, err := fleet.Start(t.Context(), fleet.Options{Supervisor: sup, Environment: map[string]string{
		"PAYSIM_DB_DSN": "app@tcp(127.0.0.1:1)/paydb", "PAYSIM_DB_DSN_SHARD2": "app@tcp(127.0.0.1:1)/paydb",
		"PAYSIM_REDIS_URL": "redis://127.0.0.1:1", "PAYSIM_KAFKA": "127.0.0.1:1",
	}})
	if err != nil {
		t.Fatal(err)
	}
	get := func(url string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0, err.Error()
		}
		defer func() { _ = resp.Body.Close() }()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}
	var names []string
	for _, m := range f.Members() {
		names = append(names, m.Name())
		if m.Name() == "gateway" {
			continue
		}
		if status, text := get(m.URL() + "/actuator/health"); status != http.StatusServiceUnavailable {
			t.Errorf("%s: health %d %s, want 503", m.Name(), status, text)
		}
		if status, text := get(m.URL() + "/actuator/prometheus"); status != http.StatusOK || !strings.Contains(text, "hikaricp_connections") {
			t.Errorf("%s: metrics %d %s", m.Name(), status, text)
		}
	}
	if got := strings.Join(names, " "); got != "gateway ingest-1 ingest-2 ledger refund settlement" {
		t.Errorf("members %s", got)
	}
	if urls := f.IngestURLs(); len(urls) != 2 || urls[0] == urls[1] {
		t.Errorf("ingest at %v", urls)
	}

	m := f.Member("ingest-2")
	for _, end := range []func() error{m.Kill, m.Stop} {
		if err := end(); err != nil {
			t.Fatal(err)
		}
		if status, _ := get(m.URL() + "/actuator/health"); status != 0 {
			t.Errorf("%s answers %d although it has ended", m.Name(), status)
		}
		if err := m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if status, _ := get(m.URL() + "/actuator/health"); status != http.StatusServiceUnavailable {
			t.Errorf("%s: health %d after it was started again", m.Name(), status)
		}
	}
}

// Without a supervisor the same processes run inside of this one.
func TestLocal(t *testing.T) {
	f, err := fleet.Start(t.Context(), fleet.Options{Environment: map[string]string{
		"PAYSIM_DB_DSN": "app@tcp(127.0.0.1:1)/paydb", "PAYSIM_REDIS_URL": "redis://127.0.0.1:1", "PAYSIM_KAFKA": "127.0.0.1:1",
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Stop(); err != nil {
			t.Error(err)
		}
	})
	status := func(url string) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/actuator/prometheus", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0
		}
		defer func() { _ = resp.Body.Close() }()
		_, err = io.Copy(io.Discard, resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode
	}
	m := f.Member("ledger")
	for range 2 {
		if got := status(m.URL()); got != http.StatusOK {
			t.Errorf("running, it answers %d", got)
		}
		if err := m.Stop(); err != nil {
			t.Error(err)
		}
		if got := status(m.URL()); got != 0 {
			t.Errorf("stopped, it answers %d", got)
		}
		if err := m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Pause(); err == nil {
		t.Error("a part of this process is frozen")
	}
}
