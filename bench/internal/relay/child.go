package relay

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// childName is the variable that makes an executable the relay. Its value lists
// the systems.
const childName = "PAYOPS_BENCH_RELAY"

const (
	recordPath  = "/-/relay/record"
	fetchedPath = "/-/relay/fetched"
)

func init() {
	if systems := os.Getenv(childName); systems != "" {
		os.Exit(child(strings.Split(systems, ","), os.Stdin, os.Stdout, os.Stderr))
	}
}

// child serves until stdin ends. It tells its base URLs in the first line.
func child(systems []string, stdin io.Reader, stdout, stderr io.Writer) int {
	m := newMemory()
	urls := make([]string, len(systems))
	for i, system := range systems {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			fmt.Fprintln(stderr, err)
			return 1
		}
		urls[i] = "http://" + l.Addr().String()
		m.stands(urls[i], system)
		go func() { _ = serve(l, m, system) }() // it ends with the process
	}
	fmt.Fprintln(stdout, strings.Join(urls, ","))
	_, _ = io.Copy(io.Discard, stdin) // however it ends
	return 0
}

func serve(l net.Listener, m *memory, system string) error {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+recordPath, m.record)
	mux.HandleFunc("GET "+recordPath, m.recordedSince)
	mux.HandleFunc("GET "+fetchedPath, m.tellFetched)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { m.answer(w, r, strings.TrimRight(system, "/")) })
	s := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	return s.Serve(l)
}
