package promql

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"strings"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

const (
	// maxBody is far above what the queries of this package give for a hundred
	// instances.
	maxBody = 32 << 20
	// maxSaid is how much of a body that is no answer is repeated, in characters.
	maxSaid = 120
)

// edge sends our credentials, caps what comes back, and judges HTTP statuses
// while status, content type and body are still at hand: the client library
// keeps only a part of them.
type edge struct {
	next   http.RoundTripper
	header http.Header
}

// RoundTrip fails with a *fault.Failure where anything but Prometheus' own JSON
// came back.
func (e *edge) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	maps.Copy(req.Header, e.header)
	resp, err := e.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if resp.StatusCode == http.StatusOK && kind == "application/json" {
		resp.Body = capped{io.LimitReader(resp.Body, maxBody), resp.Body}
		return resp, nil
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return nil, err
	}
	return nil, judge(resp, kind, foreign.HideCredentials(body, e.header.Get("Authorization")))
}

type capped struct {
	io.Reader
	io.Closer
}

// judge says what an answer means that is no result.
func judge(resp *http.Response, kind string, body []byte) *fault.Failure {
	code := resp.StatusCode
	f := &fault.Failure{Class: fault.BadStatus, Said: quote(code, kind, body)}
	var own struct{ Status, ErrorType, Error string }
	if json.Unmarshal(body, &own) == nil && own.ErrorType != "" {
		f.Said = said("%d, errorType %s: %s", code, own.ErrorType, own.Error)
		f.Next = "Look at Prometheus' own log and limits (query.max-samples, query.timeout), and ask for a shorter time"
		if own.ErrorType == "timeout" || own.ErrorType == "unavailable" {
			f.Next = "Prometheus is overloaded or still starting: look at its own health and ask again"
		}
		return f
	}
	switch {
	case code == http.StatusOK:
		f.Class, f.Next = fault.NotJSON, "It is not Prometheus that answers there: look whether a login page or a proxy does, and set PROMETHEUS_URL"
	case code == http.StatusUnauthorized:
		f.Class, f.Next = fault.Auth, "Set PROMETHEUS_BEARER_TOKEN, or PROMETHEUS_USERNAME and PROMETHEUS_PASSWORD"
	case code == http.StatusForbidden:
		f.Class, f.Next = fault.Permission, "Have this user or token allowed to query, or set PROMETHEUS_ORG_ID"
	case code == http.StatusNotFound:
		f.Class, f.Next = fault.MissingPath, "PROMETHEUS_URL must be the URL under which /api/v1/query is found"
	case code == http.StatusBadGateway, code == http.StatusServiceUnavailable, code == http.StatusGatewayTimeout:
		f.Class, f.Next = fault.BadGateway, "A proxy answers and Prometheus behind it does not: look whether it runs"
	case code >= 300 && code < 400:
		f.Said = said("%d to %s", code, foreign.Place(resp.Header.Get("Location")))
		f.Next = "Redirects are not followed: set PROMETHEUS_URL to where it moved, or credentials if that is a login page"
	}
	return f
}

// quote repeats status, content type and the head of a body.
func quote(code int, kind string, body []byte) foreign.Text {
	if kind == "" {
		kind = "no content type"
	}
	text := strings.Join(strings.Fields(string(body[:min(len(body), 4*maxSaid)])), " ")
	if text == "" {
		return said("%d, %s, empty body", code, kind)
	}
	if r := []rune(text); len(r) > maxSaid {
		text = string(r[:maxSaid]) + "…"
	}
	return said("%d, %s: %s", code, kind, text)
}

func said(format string, args ...any) foreign.Text {
	return foreign.Text(fmt.Sprintf(format, args...))
}

// failure makes a failure of a source of what a query or the network said.
func failure(err error) *fault.Failure {
	if f, ok := errors.AsType[*fault.Failure](err); ok {
		return f
	}
	f := fault.NetworkFailure(err)
	switch f.Class {
	case fault.Unreachable:
		f.Next = "Look whether Prometheus runs and whether PROMETHEUS_URL is its address"
	case fault.Timeout:
		f.Next = "Prometheus may be overloaded: look at its own health and ask again"
	case fault.Disconnected:
		f.Next = "It broke off its answer: look whether it is restarting, and ask again"
	default:
		f.Next = "If it speaks TLS, PROMETHEUS_CA_FILE must hold the authority that signed its certificate"
	}
	return f
}
