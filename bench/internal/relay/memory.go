package relay

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// hold is how long each answer is held back while requests are recorded: those
// that come in that time were sent side by side. From memory they would be
// answered before the next one is sent.
const hold = 100 * time.Millisecond

// memory holds what the systems answered.
type memory struct {
	names []string // old and new names in turn, as strings.NewReplacer takes them

	mu        sync.Mutex
	kept      map[string]page
	fetched   int
	recording bool
	recorded  []Request
}

// page is an answer of a system.
type page struct {
	status int
	kind   string // its Content-Type
	body   []byte
}

func newMemory() *memory { return &memory{kept: map[string]page{}} }

// stands notes that a URL stands for a system: in answers its port is replaced, or
// a server could not tell that two systems speak of the same instance. All are on
// the loopback.
func (m *memory) stands(own, system string) {
	port := func(base string) string {
		u, err := url.Parse(base)
		if err != nil || u.Port() == "" {
			return base
		}
		return ":" + u.Port()
	}
	m.names = append(m.names, port(system), port(own))
}

// answer answers a request from memory, and asks the system the first time.
func (m *memory) answer(w http.ResponseWriter, r *http.Request, system string) {
	q := Request{Method: r.Method, URL: "http://" + r.Host + r.URL.RequestURI(), Header: r.Header, Began: time.Now()}
	var err error
	if q.Body, err = io.ReadAll(r.Body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	key := q.Method + " " + q.URL + "\n" + string(q.Body)
	m.mu.Lock()
	p, have := m.kept[key]
	recording := m.recording
	m.mu.Unlock()
	if !have {
		if p, err = m.fetch(q, system+r.URL.RequestURI()); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		m.mu.Lock()
		m.fetched++
		m.kept[key] = p
		m.mu.Unlock()
	}
	if recording {
		time.Sleep(hold)
		m.mu.Lock()
		q.Ended = time.Now()
		m.recorded = append(m.recorded, q)
		m.mu.Unlock()
	}
	w.Header().Set("Content-Type", p.kind)
	w.WriteHeader(p.status)
	_, _ = w.Write(p.body) // who asked may have left
}

func (m *memory) fetch(q Request, from string) (page, error) {
	resp, err := q.send(http.DefaultClient, from)
	if err != nil {
		return page{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return page{resp.StatusCode, resp.Header.Get("Content-Type"), []byte(strings.NewReplacer(m.names...).Replace(string(body)))}, err
}

func (m *memory) record(http.ResponseWriter, *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.recording, m.recorded = true, []Request{}
}

func (m *memory) recordedSince(w http.ResponseWriter, _ *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.recording = false
	tell(w, m.recorded)
}

func (m *memory) tellFetched(w http.ResponseWriter, _ *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	tell(w, m.fetched)
}

func tell(w http.ResponseWriter, v any) {
	_ = json.NewEncoder(w).Encode(v) // who asked may have left
}
