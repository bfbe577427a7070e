// Command pinger is the other client of a Redis: it reads one key every millisecond
// on a connection of its own and times each answer. It stands in a process of its
// own, so that what it waits for is Redis and not the benchmark. For every line on
// its standard input it prints what it saw since the line before: the number of
// answers, then median, 99th percentile and maximum in microseconds.
package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"payops-mcp/bench/internal/stat"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: pinger ADDRESS USER PASSWORD")
		os.Exit(2)
	}
	if err := ping(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// samples are waits in microseconds.
type samples struct {
	mu   sync.Mutex
	took []float64
}

func (s *samples) add(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.took = append(s.took, float64(d.Nanoseconds())/1e3)
}

func (s *samples) take() (took []float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	took, s.took = s.took, nil
	return took
}

func ping(addr, user, password string) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	r := bufio.NewReader(conn)
	if err := ask(conn, r, "AUTH", user, password); err != nil {
		return err
	}
	var s samples
	failed := make(chan error, 1)
	go func() {
		// A tick that comes late is a wait of this machine's and none of Redis's, so
		// each answer is timed from when its question was sent.
		for range time.Tick(time.Millisecond) {
			begin := time.Now()
			if err := ask(conn, r, "GET", "payops-bench-ping"); err != nil {
				failed <- err
				return
			}
			s.add(time.Since(begin))
		}
	}()
	lines := make(chan struct{})
	go func() {
		defer close(lines)
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			lines <- struct{}{}
		}
	}()
	for {
		select {
		case err := <-failed:
			return err
		case _, ok := <-lines:
			if !ok {
				return nil
			}
			took := s.take()
			if len(took) == 0 {
				took = []float64{0}
			}
			if _, err := fmt.Fprintf(os.Stdout, "%d %.1f %.1f %.1f\n", len(took), stat.Median(took), stat.Quantile(took, 0.99), stat.Quantile(took, 1)); err != nil {
				return err
			}
		}
	}
}

// ask sends a command and reads its answer, a line or a string.
func ask(w io.Writer, r *bufio.Reader, words ...string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(word), word)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	line, err := r.ReadString('\n')
	if err != nil {
		return err
	}
	switch {
	case line[0] == '-':
		return fmt.Errorf("redis: %s", strings.TrimSpace(line[1:]))
	case line[0] == '$' && line[1] != '-':
		_, err = r.ReadString('\n')
	}
	return err
}
