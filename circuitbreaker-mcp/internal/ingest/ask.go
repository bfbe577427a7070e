package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

// The places where the status of the breakers may be, in the order of asking.
const (
	directPath     = "/circuit-breaker/status"
	gatewayPath    = "/api/circuit-breaker/status"
	monitoringPath = "/monitoring/circuit-breaker/status"
)

var paths = []string{directPath, gatewayPath, monitoringPath}

// Instance is what one configured instance answered.
type Instance struct {
	Name     string    // host and port, as configured
	Base     string    // its URL, without user and password
	Address  string    // host and port, with the port also where the URL leaves it out
	Path     string    // where the status was found; empty when it was not
	Missing  []string  // URLs that answered 404 before
	Breakers []Breaker // in alphabetical order; empty when it did not answer
	Date     time.Time // its own clock at the answer; zero when it does not say
	Source   fault.Source
}

// Gateway reports whether the answer came through the API gateway, which hands
// each request to an instance of its choice and does not say which.
func (i Instance) Gateway() bool { return i.Path == gatewayPath }

// Monitoring reports whether the monitoring service answered, which asks one
// instance of its own choice.
func (i Instance) Monitoring() bool { return i.Path == monitoringPath }

const (
	// maxBody is far above the few hundred bytes of a status.
	maxBody = 64 << 10
	// maxSaid is how much of a body that is no status is repeated, in characters.
	maxSaid = 120
)

// ask finds the status of one instance.
func (c *Client) ask(ctx context.Context, t target) Instance {
	start := time.Now()
	in := Instance{Name: t.name, Base: t.base, Address: t.addr, Source: fault.Source{Name: "ingest " + t.name}}
	for _, path := range paths {
		in.Source.Asked = "GET " + t.base + path
		answer, failure := c.get(ctx, t, path)
		if failure != nil && failure.Class == fault.MissingPath {
			in.Missing = append(in.Missing, t.base+path)
			in.Source.Err = failure
			continue
		}
		in.Source.Err = failure
		if failure == nil {
			in.Path, in.Breakers, in.Date = path, answer.breakers, answer.date
		}
		break
	}
	if f := in.Source.Err; f != nil && f.Class == fault.MissingPath {
		in.Source.Asked = "GET " + strings.Join(in.Missing, ", ")
		f.Next = "Set API_BASE_URL to the ingest service itself, or to its gateway (which adds /api)"
	}
	in.Source.Took = time.Since(start)
	return in
}

// status is a good answer.
type status struct {
	breakers []Breaker
	date     time.Time
}

// get asks one URL of one instance.
func (c *Client) get(ctx context.Context, t target, path string) (status, *fault.Failure) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.base+path, nil)
	if err != nil {
		return status{}, fault.FailureOf(err, fault.Unexpected)
	}
	req.Header = t.header
	resp, err := c.http.Do(req)
	if err != nil {
		return status{}, networkFailure(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return status{}, networkFailure(err)
	}
	if f := judgeStatus(resp, foreign.HideCredentials(body, t.header.Get("Authorization"))); f != nil {
		return status{}, f
	}
	if len(body) > maxBody {
		return status{}, schema("an answer longer than %d bytes, want the few hundred of a status", maxBody)
	}
	breakers, err := parse(body)
	if err != nil { // its message repeats a part of the body
		body = foreign.HideCredentials(body, t.header.Get("Authorization"))
		_, err = parse(body)
	}
	if f, ok := errors.AsType[*fault.Failure](err); ok && f.Class == fault.NotJSON {
		f.Said = foreign.Text(quote(resp, body))
		f.Next = "It is not the ingest service that answers there: look whether a login page or a proxy does, and set API_BASE_URL or API_BEARER_TOKEN"
		return status{}, f
	}
	if err != nil {
		return status{}, fault.FailureOf(err, fault.Schema)
	}
	// Absent or unreadable, the date stays zero: not known.
	date, _ := http.ParseTime(resp.Header.Get("Date"))
	return status{breakers, date}, nil
}

// judgeStatus says what an HTTP status other than 200 means.
func judgeStatus(resp *http.Response, body []byte) *fault.Failure {
	f := &fault.Failure{Said: foreign.Text(quote(resp, body))}
	switch code := resp.StatusCode; {
	case code == http.StatusOK:
		return nil
	case code == http.StatusNotFound:
		f.Class = fault.MissingPath
	case code == http.StatusUnauthorized:
		f.Class, f.Next = fault.Auth, "Set API_BEARER_TOKEN to a token that is valid now"
	case code == http.StatusForbidden:
		f.Class, f.Next = fault.Permission, "Have the token of API_BEARER_TOKEN allowed to read /circuit-breaker/status"
	case code == http.StatusBadGateway, code == http.StatusServiceUnavailable, code == http.StatusGatewayTimeout:
		f.Class, f.Next = fault.BadGateway, "A proxy answers and no instance behind it does: look whether the ingest service runs"
	case code >= 300 && code < 400:
		f.Class = fault.BadStatus
		f.Said = foreign.Text(fmt.Sprintf("%d to %s", code, foreign.Place(resp.Header.Get("Location"))))
		f.Next = "Redirects are not followed: set API_BASE_URL to where it moved, or API_BEARER_TOKEN if that is a login page"
	default:
		f.Class = fault.BadStatus
	}
	return f
}

// quote repeats status, content type and the head of a body.
func quote(resp *http.Response, body []byte) string {
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		kind = "no content type"
	}
	text := strings.Join(strings.Fields(string(body[:min(len(body), 4*maxSaid)])), " ")
	if text == "" {
		return fmt.Sprintf("%d, %s, empty body", resp.StatusCode, kind)
	}
	if r := []rune(text); len(r) > maxSaid {
		text = string(r[:maxSaid]) + "…"
	}
	return fmt.Sprintf("%d, %s: %s", resp.StatusCode, kind, text)
}

// networkFailure classifies what kept an answer from coming.
func networkFailure(err error) *fault.Failure {
	f := fault.NetworkFailure(err)
	switch f.Class {
	case fault.Unreachable:
		f.Next = "Look whether the instance runs and whether API_BASE_URL is its address"
	case fault.Timeout:
		f.Next = "It may hang: look at its threads and pools, and ask again"
	case fault.Disconnected:
		f.Next = "It broke off its answer: look whether it is restarting, and ask again"
	default:
		f.Next = "If it speaks TLS, API_CA_FILE must hold the authority that signed its certificate"
	}
	return f
}
