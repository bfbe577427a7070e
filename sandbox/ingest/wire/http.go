package wire

import (
	"encoding/json"
	"net/http"
	"time"
)

// WriteJSON answers with a body as JSON.
func WriteJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// SpringError answers with Spring Boot's own error body.
func SpringError(w http.ResponseWriter, r *http.Request, status int) {
	WriteJSON(w, status, struct {
		Timestamp string `json:"timestamp"`
		Status    int    `json:"status"`
		Error     string `json:"error"`
		Path      string `json:"path"`
	}{time.Now().UTC().Format("2006-01-02T15:04:05.000-07:00"), status, http.StatusText(status), r.URL.Path})
}

// Health answers as /actuator/health does: 200 and UP, or 503 and DOWN.
func Health(w http.ResponseWriter, up bool) {
	if up {
		WriteJSON(w, http.StatusOK, map[string]string{"status": "UP"})
		return
	}
	WriteJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "DOWN"})
}
