package wire

import (
	"fmt"
	"strings"
)

// The two breakers of the real service.
const (
	KafkaPublisher = "kafka-publisher"
	PGAuthAPI      = "pg-auth-api"
)

// State is a Resilience4j state, as the REST API spells it.
type State string

// The six states. Each is also one Prometheus series, in lower case.
const (
	Closed      State = "CLOSED"
	Open        State = "OPEN"
	HalfOpen    State = "HALF_OPEN"
	ForcedOpen  State = "FORCED_OPEN"
	Disabled    State = "DISABLED"
	MetricsOnly State = "METRICS_ONLY"
)

// States is every state there is.
var States = []State{Closed, Open, HalfOpen, ForcedOpen, Disabled, MetricsOnly}

// Breaker is what can be told of one breaker at a moment. Counts are calls in
// its sliding window, rates are percent of them, or -1 while there are fewer
// calls than the breaker's minimum.
type Breaker struct {
	State          State
	Successful     int
	Failed         int
	SlowSuccessful int // of Successful
	SlowFailed     int // of Failed
	NotPermitted   int // turned away since the counts were last begun anew
	FailureRate    float64
	SlowCallRate   float64
}

// BreakerJSON is what the REST API says of a breaker, field by field.
type BreakerJSON struct {
	State          string `json:"state"`
	Successful     int    `json:"numberOfSuccessfulCalls"`
	Failed         int    `json:"numberOfFailedCalls"`
	Slow           int    `json:"numberOfSlowCalls"`
	SlowSuccessful int    `json:"numberOfSlowSuccessfulCalls"`
	SlowFailed     int    `json:"numberOfSlowFailedCalls"`
	Buffered       int    `json:"numberOfBufferedCalls"`
	NotPermitted   int    `json:"numberOfNotPermittedCalls"`
	FailureRate    string `json:"failureRate"`
	SlowCallRate   string `json:"slowCallRate"`
}

// JSON is the REST API's form. A decimal comma is what a JVM writes in many
// locales.
func (b Breaker) JSON(comma bool) BreakerJSON {
	return BreakerJSON{
		State:          string(b.State),
		Successful:     b.Successful,
		Failed:         b.Failed,
		Slow:           b.SlowSuccessful + b.SlowFailed,
		SlowSuccessful: b.SlowSuccessful,
		SlowFailed:     b.SlowFailed,
		Buffered:       b.Successful + b.Failed,
		NotPermitted:   b.NotPermitted,
		FailureRate:    percent(b.FailureRate, comma),
		SlowCallRate:   percent(b.SlowCallRate, comma),
	}
}

// percent writes a rate as the real service does, which formats it in the
// locale of its JVM.
func percent(rate float64, comma bool) string {
	text := fmt.Sprintf("%.2f%%", rate)
	if comma {
		return strings.Replace(text, ".", ",", 1)
	}
	return text
}

// Status is the body of /circuit-breaker/status, which tells of one breaker
// only; nil stands for a service that does not have it.
func Status(publisher *BreakerJSON) map[string]any {
	if publisher == nil {
		return map[string]any{KafkaPublisher: "Not Found"}
	}
	return map[string]any{KafkaPublisher: *publisher}
}

// MonitoringJSON is the monitoring service's version: the same fields with an
// opinion added, which is wrong about HALF_OPEN.
type MonitoringJSON struct {
	BreakerJSON
	Analysis     AnalysisJSON `json:"analysis"`
	HealthStatus string       `json:"healthStatus"`
}

// AnalysisJSON is the opinion of MonitoringJSON.
type AnalysisJSON struct {
	Status      string `json:"status"`
	Description string `json:"description"`
}

// Monitoring is the body of /monitoring/circuit-breaker/status.
func Monitoring(b BreakerJSON) MonitoringJSON {
	m := MonitoringJSON{b, AnalysisJSON{"Unknown", "Unknown circuit breaker state: " + b.State}, "HEALTHY"}
	switch State(b.State) {
	case Closed:
		m.Analysis = AnalysisJSON{"Normal", "Closed: Kafka is operational"}
	case Open:
		m.Analysis, m.HealthStatus = AnalysisJSON{"Critical", "Open: publishing to Kafka is blocked"}, "UNHEALTHY"
	case HalfOpen:
		m.Analysis, m.HealthStatus = AnalysisJSON{"Warning", "Half open: testing whether Kafka has recovered"}, "RECOVERING"
	}
	return m
}

// MonitoringError is the body with which the monitoring service answers 503
// when the ingest service does not tell.
func MonitoringError(message string) map[string]string {
	return map[string]string{"error": "Circuit breaker service unavailable", "message": message}
}
