package ingest

import (
	"net/http"

	"payops-mcp/sandbox/ingest/wire"
)

// api is what callers of the instance reach.
func (s *Server) api() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+s.options.Prefix+"/circuit-breaker/status", s.getStatus)
	mux.HandleFunc("GET "+s.options.Prefix+"/circuit-breaker/kafka-publisher", s.getKafkaPublisher)
	if s.options.Monitoring {
		mux.HandleFunc("GET /monitoring/circuit-breaker/status", s.getMonitoring)
	}
	mux.HandleFunc("GET /actuator/health", s.getHealth)
	mux.Handle("GET /actuator/prometheus", s.metrics)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		wire.SpringError(w, r, http.StatusNotFound)
	})
	return mux
}

// kafkaPublisher is the only breaker that the real API tells of.
func (s *Server) kafkaPublisher() (wire.BreakerJSON, bool) {
	state := s.State()
	b, ok := state.Breakers[KafkaPublisher]
	return b.wire(SettingsOf(KafkaPublisher)).JSON(state.DecimalComma), ok
}

func (s *Server) getStatus(w http.ResponseWriter, _ *http.Request) {
	b, ok := s.kafkaPublisher()
	if !ok {
		wire.WriteJSON(w, http.StatusOK, wire.Status(nil))
		return
	}
	wire.WriteJSON(w, http.StatusOK, wire.Status(&b))
}

func (s *Server) getKafkaPublisher(w http.ResponseWriter, r *http.Request) {
	b, ok := s.kafkaPublisher()
	if !ok {
		wire.SpringError(w, r, http.StatusInternalServerError)
		return
	}
	wire.WriteJSON(w, http.StatusOK, b)
}

func (s *Server) getMonitoring(w http.ResponseWriter, _ *http.Request) {
	b, ok := s.kafkaPublisher()
	if !ok {
		wire.WriteJSON(w, http.StatusServiceUnavailable, wire.MonitoringError("500 Internal Server Error"))
		return
	}
	wire.WriteJSON(w, http.StatusOK, wire.Monitoring(b))
}

func (s *Server) getHealth(w http.ResponseWriter, _ *http.Request) { wire.Health(w, !s.State().Down) }
