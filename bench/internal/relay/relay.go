// Package relay stands between a server and the HTTP systems that it asks, and
// answers from memory what was asked before, so that their own time is small and
// even. It also tells which requests a call sends, and which of them side by side:
// a bare client can then send the same ones, and what the call takes beside its
// requests is known.
//
// It runs in a process of its own, or its work would count as the client's: the
// running executable itself, started again with an environment variable that an
// init function of this package looks for, so that it works alike in a command
// and in a test binary. It ends when its stdin does, and so with its parent.
package relay

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
)

// Relay is a running one.
type Relay struct {
	// URLs are its base URLs, one for each system, in their order.
	URLs []string

	cmd *exec.Cmd
	in  io.Closer
}

// Start starts a relay before systems, given by their base URLs.
func Start(systems ...string) (*Relay, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childName+"="+strings.Join(systems, ","))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the relay: %w", err)
	}
	r := &Relay{cmd: cmd, in: in}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		r.Close()
		return nil, fmt.Errorf("the relay does not say where it listens: %w", err)
	}
	r.URLs = strings.Split(strings.TrimSpace(line), ",")
	return r, nil
}

// Close ends it.
func (r *Relay) Close() {
	_ = r.in.Close()
	_ = r.cmd.Wait() // how it ended is of no interest
}

// Fetched counts the requests so far that could not be answered from memory.
func (r *Relay) Fetched() (int, error) {
	var n int
	return n, r.control(http.MethodGet, fetchedPath, &n)
}

// Record returns the requests that come in while something is done, in waves:
// those of a wave were sent side by side, and each wave after the one before it
// was answered.
func (r *Relay) Record(during func() error) ([][]Request, error) {
	if err := r.control(http.MethodPost, recordPath, nil); err != nil {
		return nil, err
	}
	failed := during()
	var requests []Request
	if err := errors.Join(failed, r.control(http.MethodGet, recordPath, &requests)); err != nil {
		return nil, err
	}
	return waves(requests), nil
}

// control asks the relay itself.
func (r *Relay) control(method, path string, into any) error {
	req, err := http.NewRequest(method, r.URLs[0]+path, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask the relay: %w", err)
	}
	defer resp.Body.Close()
	if into == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(into)
}
