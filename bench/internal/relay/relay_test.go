package relay_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"payops-mcp/bench/internal/relay"
)

// system answers with its own address, what was asked, and how often that was.
func system(t *testing.T) *httptest.Server {
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "text/x-test")
		fmt.Fprintf(w, "%s %s %s %s %d", r.Host, r.Method, r.URL.RequestURI(), body, asked.Add(1))
	}))
	t.Cleanup(s.Close)
	return s
}

func start(t *testing.T, systems ...string) *relay.Relay {
	t.Helper()
	r, err := relay.Start(systems...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func ask(t *testing.T, method, url, body string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil || resp.Header.Get("Content-Type") != "text/x-test" {
		t.Fatalf("%v, content type %s", err, resp.Header.Get("Content-Type"))
	}
	return string(got)
}

func TestItAnswersFromMemory(t *testing.T) {
	one, two := system(t), system(t)
	r := start(t, one.URL, two.URL)
	own := strings.TrimPrefix(r.URLs[0], "http://")
	for range 2 {
		// The systems count: a second answer that is equal did not come from them.
		if got, want := ask(t, "GET", r.URLs[0]+"/a?b=c", ""), own+" GET /a?b=c  1"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if got, want := ask(t, "POST", r.URLs[0]+"/a?b=c", "body"), own+" POST /a?b=c body 2"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if got := ask(t, "GET", r.URLs[1]+"/a?b=c", ""); !strings.HasSuffix(got, "GET /a?b=c  1") {
			t.Errorf("the second system answers %q, want its own answer", got)
		}
	}
	if n, err := r.Fetched(); err != nil || n != 3 {
		t.Errorf("%d requests were fetched (%v), want 3", n, err)
	}
}

func TestItTellsWhatWasSentSideBySide(t *testing.T) {
	r := start(t, system(t).URL)
	waves, err := r.Record(func() error {
		var wg sync.WaitGroup
		for i := range 3 {
			wg.Go(func() { ask(t, "POST", fmt.Sprintf("%s/%d", r.URLs[0], i), "body") })
		}
		wg.Wait()
		ask(t, "GET", r.URLs[0]+"/last", "")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(waves) != 2 || len(waves[0]) != 3 || len(waves[1]) != 1 {
		t.Fatalf("got %v, want three requests at once and then one", waves)
	}
	if q := waves[1][0]; q.Method != "GET" || q.URL != r.URLs[0]+"/last" {
		t.Errorf("the last one is %+v", q)
	}
	for _, q := range waves[0] {
		if q.Method != "POST" || string(q.Body) != "body" {
			t.Errorf("one of the first is %+v", q)
		}
	}
	before, err := r.Fetched()
	if err != nil {
		t.Fatal(err)
	}
	if err := relay.Replay(relay.Client(), waves); err != nil {
		t.Error(err)
	}
	if after, err := r.Fetched(); err != nil || after != before {
		t.Errorf("a replay was not the same requests: %d fetched before and %d after (%v)", before, after, err)
	}
}

func TestWhatFailsWhileRecordingIsTold(t *testing.T) {
	r := start(t, system(t).URL)
	failed := errors.New("failed")
	if _, err := r.Record(func() error { return failed }); !errors.Is(err, failed) {
		t.Errorf("got %v", err)
	}
}

func TestAReplayTellsOfRefusals(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	err := relay.Replay(relay.Client(), [][]relay.Request{{{Method: "GET", URL: s.URL + "/x"}}})
	if err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("got %v, want the 404", err)
	}
}
