package ingest

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// FaultKind is a way to answer badly.
type FaultKind string

// The kinds of fault. The zero value means None.
const (
	None FaultKind = "none"
	// Refuse closes the port, so that a dial is refused.
	Refuse FaultKind = "refuse"
	// BlackHole accepts and reads the request and never answers it.
	BlackHole FaultKind = "blackhole"
	// Reset resets the connection instead of answering.
	Reset FaultKind = "reset"
	// Reply answers Status, ContentType and Body whatever was asked.
	Reply FaultKind = "reply"
	// Truncate announces the whole answer, sends half and closes.
	Truncate FaultKind = "truncate"
	// Huge answers a JSON object that goes on for Size bytes.
	Huge FaultKind = "huge"
)

// Fault is what is wrong with the instance's answers. The zero value is a
// healthy one.
type Fault struct {
	Kind FaultKind `json:"kind,omitempty"`
	// Latency comes before every answer, with any kind; nanoseconds in JSON.
	Latency time.Duration `json:"latency,omitempty"`
	// Path limits the fault to paths that begin so; not for Refuse, which
	// knows no paths.
	Path string `json:"path,omitempty"`
	// Scrape lets the scrape on the second port suffer too. Without it only
	// callers of the API do, and Prometheus goes on seeing the state.
	Scrape bool `json:"scrape,omitempty"`

	Status      int    `json:"status,omitempty"`      // for Reply
	ContentType string `json:"contentType,omitempty"` // for Reply
	Body        string `json:"body,omitempty"`        // for Reply
	Size        int64  `json:"size,omitempty"`        // for Huge, in bytes
}

// BadGateway is what a proxy in front says when the instance is gone.
func BadGateway() Fault {
	return Fault{
		Kind: Reply, Status: http.StatusBadGateway, ContentType: "text/html",
		Body: "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx/1.25.3</center>\r\n</body>\r\n</html>\r\n",
	}
}

// LoginPage is what a single sign-on proxy says to a caller it does not know:
// success, in HTML.
func LoginPage() Fault {
	return Fault{
		Kind: Reply, Status: http.StatusOK, ContentType: "text/html; charset=utf-8",
		Body: "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><form action=\"/login\" method=\"post\"><input name=\"user\"><input name=\"password\" type=\"password\"></form></body></html>\n",
	}
}

// Validate says what is wrong with a fault.
func (f Fault) Validate() error {
	switch f.Kind {
	case "", None, Refuse, BlackHole, Reset, Truncate:
	case Reply:
		if f.Status < 200 || f.Status > 599 {
			return fmt.Errorf("a reply needs a status from 200 to 599, not %d", f.Status)
		}
	case Huge:
		if f.Size <= 0 {
			return fmt.Errorf("a huge answer needs a size in bytes, not %d", f.Size)
		}
	default:
		return fmt.Errorf("unknown fault %q: want %s, %s, %s, %s, %s, %s or %s", f.Kind, None, Refuse, BlackHole, Reset, Reply, Truncate, Huge)
	}
	if f.Latency < 0 {
		return fmt.Errorf("latency %s is negative", f.Latency)
	}
	return nil
}

// hits says whether a request suffers.
func (f Fault) hits(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, f.Path)
}

// faulty puts the fault in force before a handler. On the scrape port only
// faults that name the scrape count.
func (s *Server) faulty(next http.Handler, scrape bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, changed := s.currentFault()
		if !f.hits(r) || scrape && !f.Scrape {
			next.ServeHTTP(w, r)
			return
		}
		if f.Latency > 0 {
			select {
			case <-time.After(f.Latency):
			case <-r.Context().Done():
				return
			}
		}
		switch f.Kind {
		case BlackHole:
			select {
			case <-changed:
			case <-r.Context().Done():
			}
			resetConnection(w)
		case Reset, Refuse:
			resetConnection(w)
		case Reply:
			w.Header().Set("Content-Type", f.ContentType)
			w.WriteHeader(f.Status)
			_, _ = io.WriteString(w, f.Body)
		case Truncate:
			truncate(w, r, next)
		case Huge:
			huge(w, f.Size)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// resetConnection ends the connection without an answer.
func resetConnection(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// recorder keeps an answer instead of sending it.
type recorder struct {
	header http.Header
	status int
	body   []byte
}

func (r *recorder) Header() http.Header  { return r.header }
func (r *recorder) WriteHeader(code int) { r.status = code }
func (r *recorder) Write(b []byte) (int, error) {
	r.body = append(r.body, b...)
	return len(b), nil
}

func truncate(w http.ResponseWriter, r *http.Request, next http.Handler) {
	whole := recorder{header: w.Header(), status: http.StatusOK}
	next.ServeHTTP(&whole, r)
	w.Header().Set("Content-Length", strconv.Itoa(len(whole.body)))
	w.WriteHeader(whole.status)
	_, _ = w.Write(whole.body[:len(whole.body)/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

func huge(w http.ResponseWriter, size int64) {
	w.Header().Set("Content-Type", "application/json")
	const head, end = `{"kafka-publisher":{"state":"`, `"}}`
	_, _ = io.WriteString(w, head)
	piece := strings.Repeat("x", 64<<10)
	for left := size - int64(len(head)+len(end)); left > 0; left -= int64(len(piece)) {
		if _, err := io.WriteString(w, piece[:min(left, int64(len(piece)))]); err != nil {
			return
		}
	}
	_, _ = io.WriteString(w, end)
}
