package stack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"time"

	"payops-mcp/sandbox/faultnet"
)

// verbs that the control address takes.
var verbs = []string{verbStart, verbStop, verbKill, verbPause, verbResume}

// serveControl opens the address through which another process that attached
// controls the parts: POST /parts/{name}/{verb}, PUT /parts/{name}/network
// with a fault as JSON, POST /fresh/pause or /fresh/resume, and GET or PUT
// /load.
func (s *Stack) serveControl() error {
	l, err := onFreeAddr(func(addr string) (net.Listener, error) { return net.Listen("tcp", addr) })
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /parts/{name}/{verb}", func(w http.ResponseWriter, r *http.Request) {
		s.answer(w, r, func(p Part) error { return act(r.Context(), p, r.PathValue("verb")) })
	})
	mux.HandleFunc("PUT /parts/{name}/network", func(w http.ResponseWriter, r *http.Request) {
		s.answer(w, r, func(p Part) error {
			var f faultnet.Fault
			dec := json.NewDecoder(r.Body)
			dec.DisallowUnknownFields()
			if err := dec.Decode(&f); err != nil {
				return err
			}
			return p.SetNetwork(r.Context(), f)
		})
	})
	mux.HandleFunc("POST /fresh/{verb}", func(w http.ResponseWriter, r *http.Request) {
		done(w, s.setFresh(r.Context(), r.PathValue("verb")))
	})
	s.controlURL = "http://" + l.Addr().String()
	if s.load != nil {
		mux.Handle(loadPath, s.load.Handler())
		s.loadURL = s.controlURL + loadPath
	}
	s.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.server.Serve(l) }()
	return nil
}

// act does what a verb says.
func act(ctx context.Context, p Part, verb string) error {
	switch verb {
	case verbStart:
		return p.Start(ctx)
	case verbStop:
		return p.Stop(ctx)
	case verbKill:
		return p.Kill(ctx)
	case verbPause:
		return p.Pause(ctx)
	case verbResume:
		return p.Resume(ctx)
	case verbLaunch:
		if r, ok := p.(*Redis); ok {
			return r.Launch(ctx)
		}
		return fmt.Errorf("%s cannot be launched, only started", p.Name())
	default:
		return fmt.Errorf("unknown verb %q: want one of %v", verb, slices.Sorted(slices.Values(verbs)))
	}
}

func (s *Stack) answer(w http.ResponseWriter, r *http.Request, do func(Part) error) {
	p, err := s.Part(r.PathValue("name"))
	if err == nil {
		err = do(p)
	}
	done(w, err)
}

func done(w http.ResponseWriter, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// remote controls a part over the control address of the program that runs it.
type remote struct{ url string }

// remoteControl is how an attached part is controlled.
func (s *Stack) remoteControl(name string) control {
	if s.controlURL == "" {
		return foreign{}
	}
	return remote{s.controlURL + "/parts/" + name}
}

func (r remote) do(ctx context.Context, verb string) error {
	return r.send(ctx, http.MethodPost, "/"+verb, nil)
}

func (r remote) network(ctx context.Context, f faultnet.Fault) error {
	return r.send(ctx, http.MethodPut, "/network", f)
}

func (r remote) send(ctx context.Context, method, path string, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, r.url+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("the program that runs the stack does not answer: %w", err)
	}
	said, err := io.ReadAll(io.LimitReader(resp.Body, 16<<10))
	err = errors.Join(err, resp.Body.Close())
	if resp.StatusCode >= 300 {
		return errors.Join(errors.New(string(bytes.TrimSpace(said))), err)
	}
	return err
}
