package diagnose

import "time"

// The breakers of the payment system.
const (
	KafkaPublisher = "kafka-publisher" // around the sending of outbox events
	PGAuthAPI      = "pg-auth-api"     // around the payment gateway's authorization
)

// Settings are what a breaker is judged by.
type Settings struct {
	Breaker       string
	FailureRate   int           // opens at this percentage of failed calls
	SlowCallRate  int           // or at this percentage of slow calls
	SlowCall      time.Duration // a call longer than this is slow
	WaitOpen      time.Duration // from OPEN to HALF_OPEN
	HalfOpenCalls int           // trial calls
	MinimumCalls  int           // before a rate is known
	Window        int           // calls that are remembered
}

// Defaults are the settings in the payment system's repository (application.yml
// of the ingest service). A running service does not show its settings.
var Defaults = []Settings{
	{KafkaPublisher, 50, 50, 2 * time.Second, 30 * time.Second, 3, 5, 100},
	{PGAuthAPI, 50, 50, 2 * time.Second, time.Minute, 5, 10, 100},
}

// SettingsOf returns the settings of a breaker; ok is false for one that the
// repository does not have.
func SettingsOf(breaker string) (s Settings, ok bool) {
	for _, d := range Defaults {
		if d.Breaker == breaker {
			return d, true
		}
	}
	return Settings{}, false
}

// CallsNeeded is how many calls a rate takes in a state: while HALF_OPEN only the
// trial calls are remembered.
func (s Settings) CallsNeeded(state string) int {
	if state == "HALF_OPEN" {
		return min(s.MinimumCalls, s.HalfOpenCalls)
	}
	return s.MinimumCalls
}
