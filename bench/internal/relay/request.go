package relay

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Request is a request as it came, and when it was under way.
type Request struct {
	Method, URL  string
	Header       http.Header
	Body         []byte
	Began, Ended time.Time
}

// waves sorts requests into those that were sent side by side.
func waves(requests []Request) [][]Request {
	slices.SortFunc(requests, func(a, b Request) int { return a.Began.Compare(b.Began) })
	var all [][]Request
	var end time.Time // of the first answer of the wave
	for _, q := range requests {
		if n := len(all); n > 0 && q.Began.Before(end) {
			all[n-1] = append(all[n-1], q)
			if q.Ended.Before(end) {
				end = q.Ended
			}
			continue
		}
		all, end = append(all, []Request{q}), q.Ended
	}
	return all
}

// Client returns a bare client with the settings that the servers use.
func Client() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8, DisableCompression: true}}
}

// Replay sends waves of requests and reads every answer to its end, without making
// anything of it. An answer other than 200 is an error.
func Replay(c *http.Client, waves [][]Request) error {
	for _, wave := range waves {
		if len(wave) == 1 {
			if err := wave[0].read(c); err != nil {
				return err
			}
			continue
		}
		errs := make([]error, len(wave))
		var wg sync.WaitGroup
		for i, q := range wave {
			wg.Go(func() { errs[i] = q.read(c) })
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			return err
		}
	}
	return nil
}

func (q Request) read(c *http.Client) error {
	resp, err := q.send(c, q.URL)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s", q.Method, q.URL, resp.Status)
	}
	return nil
}

func (q Request) send(c *http.Client, to string) (*http.Response, error) {
	req, err := http.NewRequest(q.Method, to, bytes.NewReader(q.Body))
	if err != nil {
		return nil, err
	}
	req.Header = q.Header.Clone()
	return c.Do(req)
}
