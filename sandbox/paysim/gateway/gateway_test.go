package gateway_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"payops-mcp/sandbox/paysim/gateway"
)

func start(t *testing.T, b gateway.Behaviour) (*gateway.Server, *gateway.Client) {
	t.Helper()
	s, err := gateway.New(b)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(s.Handler())
	t.Cleanup(web.Close)
	return s, gateway.NewClient(web.URL, 2*time.Second)
}

func TestSameReferenceSameTransaction(t *testing.T) {
	_, c := start(t, gateway.Behaviour{})
	call := func(c *gateway.Client, op gateway.Operation, ref string) gateway.Receipt {
		r, err := c.Call(t.Context(), op, ref, 100, "KRW")
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	first := call(c, gateway.Capture, "1/7")
	_, other := start(t, gateway.Behaviour{})
	if again := call(other, gateway.Capture, "1/7"); again != first {
		t.Errorf("after a restart %+v, before %+v", again, first)
	}
	if second := call(c, gateway.Capture, "2/7"); second.TransactionID == first.TransactionID {
		t.Error("two references, one transaction")
	}
	if refund := call(c, gateway.Refund, "1/7"); refund.TransactionID == first.TransactionID {
		t.Error("capture and refund have one transaction")
	}
}

func TestBehaviour(t *testing.T) {
	_, c := start(t, gateway.Behaviour{})
	want := func(op gateway.Operation, code string) {
		t.Helper()
		_, err := c.Call(t.Context(), op, "x", 100, "KRW")
		if code == "" && err == nil {
			return
		}
		if failed, ok := errors.AsType[*gateway.Error](err); !ok || failed.Code != code {
			t.Errorf("%s: %v, want %q", op, err, code)
		}
	}
	set := func(b gateway.Behaviour) {
		t.Helper()
		if err := c.SetBehaviour(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	want(gateway.Authorize, "")
	set(gateway.Behaviour{FailureRate: 1})
	want(gateway.Authorize, "PG_ERROR")
	set(gateway.Behaviour{FailureRate: 1, Only: gateway.Refund})
	want(gateway.Authorize, "")
	want(gateway.Refund, "PG_ERROR")
	set(gateway.Behaviour{Latency: 10 * time.Second, Only: gateway.Capture})
	want(gateway.Capture, "PG_TIMEOUT")
	set(gateway.Behaviour{})
	want(gateway.Capture, "")
	if err := c.SetBehaviour(t.Context(), gateway.Behaviour{FailureRate: 2}); err == nil {
		t.Error("an impossible behaviour was taken")
	}
}

func TestNoGateway(t *testing.T) {
	web := httptest.NewServer(nil)
	web.Close()
	c := gateway.NewClient(web.URL, time.Second)
	_, err := c.Call(t.Context(), gateway.Capture, "x", 100, "KRW")
	if failed, ok := errors.AsType[*gateway.Error](err); !ok || failed.Code != "PG_UNREACHABLE" {
		t.Errorf("%v, want PG_UNREACHABLE", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Call(ended, gateway.Capture, "x", 100, "KRW"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the context's end", err)
	}
}
