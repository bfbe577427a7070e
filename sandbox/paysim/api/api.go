// Package api is the ingest service's HTTP API: payments, what the circuit
// breakers do, health and metrics.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"payops-mcp/sandbox/ingest/wire"
	"payops-mcp/sandbox/paysim/breaker"
	"payops-mcp/sandbox/paysim/gateway"
	"payops-mcp/sandbox/paysim/meter"
	"payops-mcp/sandbox/paysim/payments"
)

// API answers callers.
type API struct {
	Payments *payments.Service
	// Publisher is the only breaker that the API tells of, as in the real
	// service; the metrics tell of all.
	Publisher *breaker.Breaker
	Meter     *meter.Meter
	// Healthy says whether the databases and Redis answer.
	Healthy func(context.Context) error
	// Monitoring also serves the monitoring service's version of the status.
	Monitoring bool
	Log        *slog.Logger
}

// maxBody bounds what a caller may send.
const maxBody = 64 << 10

// Handler is the whole API.
func (a *API) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /payments/authorize", a.Meter.Observe("/payments/authorize", a.authorize))
	mux.HandleFunc("POST /payments/capture/{paymentId}", a.Meter.Observe("/payments/capture/{paymentId}", a.capture))
	mux.HandleFunc("POST /payments/refund/{paymentId}", a.Meter.Observe("/payments/refund/{paymentId}", a.refund))
	mux.HandleFunc("GET /circuit-breaker/status", func(w http.ResponseWriter, _ *http.Request) {
		b := a.Publisher.Tell().JSON(false)
		wire.WriteJSON(w, http.StatusOK, wire.Status(&b))
	})
	mux.HandleFunc("GET /circuit-breaker/kafka-publisher", func(w http.ResponseWriter, _ *http.Request) {
		wire.WriteJSON(w, http.StatusOK, a.Publisher.Tell().JSON(false))
	})
	if a.Monitoring {
		a.monitoring(mux)
	}
	mux.HandleFunc("GET /actuator/health", a.health)
	mux.Handle("GET /actuator/prometheus", a.Meter)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { wire.SpringError(w, r, http.StatusNotFound) })
	return mux
}

// health waits so long for the databases and Redis.
const healthWithin = 3 * time.Second

func (a *API) health(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), healthWithin)
	defer cancel()
	wire.Health(w, a.Healthy(ctx) == nil)
}

// monitoring adds what older clients ask of the monitoring service.
func (a *API) monitoring(mux *http.ServeMux) {
	tell := func() wire.MonitoringJSON { return wire.Monitoring(a.Publisher.Tell().JSON(false)) }
	mux.HandleFunc("GET /monitoring/circuit-breaker/status", func(w http.ResponseWriter, _ *http.Request) {
		wire.WriteJSON(w, http.StatusOK, tell())
	})
	mux.HandleFunc("GET /monitoring/circuit-breaker/health", func(w http.ResponseWriter, _ *http.Request) {
		m := tell()
		wire.WriteJSON(w, http.StatusOK, map[string]any{"status": m.HealthStatus, "circuitBreakerState": m.State})
	})
	mux.HandleFunc("GET /monitoring/circuit-breaker/diagnose", func(w http.ResponseWriter, _ *http.Request) {
		m := tell()
		wire.WriteJSON(w, http.StatusOK, map[string]any{"currentState": m.BreakerJSON, "analysis": m.Analysis, "healthStatus": m.HealthStatus})
	})
}

func (a *API) authorize(w http.ResponseWriter, r *http.Request) (int, string) {
	var q payments.Authorization
	if !read(r, &q) {
		return a.fail(w, r, &payments.Invalid{Message: "the body is not JSON"})
	}
	return a.answer(w, r, func(ctx context.Context) (payments.Response, error) { return a.Payments.Authorize(ctx, q) })
}

func (a *API) capture(w http.ResponseWriter, r *http.Request) (int, string) {
	var q struct {
		MerchantID string `json:"merchantId"`
	}
	id, ok := paymentID(r)
	if !read(r, &q) || !ok || q.MerchantID == "" {
		return a.fail(w, r, &payments.Invalid{Message: "want a payment id and a merchantId"})
	}
	return a.answer(w, r, func(ctx context.Context) (payments.Response, error) { return a.Payments.Capture(ctx, q.MerchantID, id) })
}

func (a *API) refund(w http.ResponseWriter, r *http.Request) (int, string) {
	var q struct {
		MerchantID string `json:"merchantId"`
		Reason     string `json:"reason"`
	}
	id, ok := paymentID(r)
	if !read(r, &q) || !ok || q.MerchantID == "" {
		return a.fail(w, r, &payments.Invalid{Message: "want a payment id and a merchantId"})
	}
	return a.answer(w, r, func(ctx context.Context) (payments.Response, error) {
		return a.Payments.Refund(ctx, q.MerchantID, id, q.Reason)
	})
}

func read(r *http.Request, into any) bool {
	return json.NewDecoder(io.LimitReader(r.Body, maxBody)).Decode(into) == nil
}

func paymentID(r *http.Request) (int64, bool) {
	id, err := strconv.ParseInt(r.PathValue("paymentId"), 10, 64)
	return id, err == nil
}

func (a *API) answer(w http.ResponseWriter, r *http.Request, do func(context.Context) (payments.Response, error)) (int, string) {
	body, err := do(r.Context())
	if err != nil {
		return a.fail(w, r, err)
	}
	wire.WriteJSON(w, http.StatusOK, body)
	return http.StatusOK, "none"
}

// errorBody is what a caller is told went wrong.
type errorBody struct {
	Code      string `json:"code"`
	Message   string `json:"message"`
	PaymentID *int64 `json:"paymentId"`
}

// fail answers with an error. The exception is the class that the real service
// throws for it.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) (status int, exception string) {
	body := errorBody{Message: err.Error()}
	conflict, isConflict := errors.AsType[*payments.Conflict](err)
	failed, isGateway := errors.AsType[*gateway.Error](err)
	_, isLimited := errors.AsType[*payments.Limited](err)
	_, isInvalid := errors.AsType[*payments.Invalid](err)
	switch {
	case isConflict:
		status, exception, body.Code, body.Message = http.StatusConflict, "none", conflict.Code, conflict.Message
		if conflict.PaymentID != 0 {
			body.PaymentID = &conflict.PaymentID
		}
	case isLimited:
		status, exception, body.Code = http.StatusTooManyRequests, "RateLimitExceededException", "RATE_LIMIT_EXCEEDED"
	case errors.Is(err, payments.ErrNotFound):
		status, exception, body.Code = http.StatusNotFound, "IllegalArgumentException", "NOT_FOUND"
	case errors.Is(err, payments.ErrGatewayClosed):
		status, exception, body.Code = http.StatusServiceUnavailable, "CallNotPermittedException", "PG_UNAVAILABLE"
	case isGateway:
		status, exception, body.Code = http.StatusBadGateway, "PgAuthException", failed.Code
	case isInvalid:
		wire.SpringError(w, r, http.StatusBadRequest)
		return http.StatusBadRequest, "MethodArgumentNotValidException"
	default:
		if r.Context().Err() == nil {
			a.Log.WarnContext(r.Context(), "request failed", "path", r.URL.Path, "error", err)
		}
		wire.SpringError(w, r, http.StatusInternalServerError)
		return http.StatusInternalServerError, "CannotCreateTransactionException"
	}
	wire.WriteJSON(w, status, body)
	return status, exception
}
